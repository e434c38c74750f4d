// What operators ask a broker: its status, to drain somebody, about poison, where a request went.
// The other half of broker.h.
#include "bus/broker.h"
#include "proto/limits.h"
#include "proto/verbs.h"

namespace parley {
namespace {

wire::PeerRole role_number(Role role) {
  switch (role) {
    case Role::gateway: return wire::PEER_ROLE_GATEWAY;
    case Role::worker: return wire::PEER_ROLE_WORKER;
    case Role::business: return wire::PEER_ROLE_BUSINESS;
    case Role::admin: return wire::PEER_ROLE_ADMIN;
  }
  return wire::PEER_ROLE_UNSPECIFIED;
}

std::uint32_t ms_of(Duration time) { return static_cast<std::uint32_t>(to_ms(time)); }

void describe(const WorkerState& worker, wire::BrokerStatus::Peer& line) {
  for (const Service* service : worker.services) line.add_services(service->name);
  line.set_outstanding_messages(static_cast<std::uint32_t>(worker.held_messages));
  line.set_credit_messages(worker.credit_messages);
  line.set_outstanding_bytes(worker.held_bytes);
  line.set_credit_bytes(worker.credit_bytes);
  line.set_draining(worker.draining);
  line.set_waiting(static_cast<std::uint32_t>(worker.queue.size));
  line.set_credit_exhausted(worker.credit_exhausted);
}

void describe(const DeliveryState& deliveries, wire::BrokerStatus::Peer& line) {
  line.set_deliveries(deliveries.sent);
  line.set_undelivered_messages(static_cast<std::uint32_t>(deliveries.sent - deliveries.dealt));
  line.set_delivery_messages(deliveries.window_messages);
  line.set_deliveries_waiting(static_cast<std::uint32_t>(deliveries.waiting.size()));
  line.set_deliveries_dropped(deliveries.dropped);
  line.set_credit_exhausted(line.credit_exhausted() + deliveries.exhausted);
}

void describe(const Peer& peer, Instant now, wire::BrokerStatus::Peer& line) {
  line.set_name(peer.name);
  line.set_boot(peer.boot.value);
  line.set_role(role_number(peer.role));
  line.set_silent_ms(ms_of(now - peer.heard_at));
  line.set_requests(peer.requests);
  line.set_encrypted(!peer.principal.key.empty());
  if (peer.worker) describe(*peer.worker, line);
  describe(peer.deliveries, line);
}

void describe(const Service& service, std::uint32_t hint_ms, wire::BrokerStatus::Service& line) {
  line.set_name(service.name);
  line.set_workers(static_cast<std::uint32_t>(service.workers.size()));
  line.set_queued(static_cast<std::uint32_t>(service.waiting));
  line.set_queued_bytes(service.waiting_bytes);
  line.set_requests(service.requests);
  line.set_busy(service.busy);
  line.set_redelivered(service.redelivered);
  line.set_poisoned(service.poisoned);
  line.set_answered(service.answered);
  line.set_credit_exhausted(service.credit_exhausted);
  line.set_retry_hint_ms(service.retry_hint_ms(hint_ms));
}

}  // namespace

void Broker::on_status(const PeerKey& from) {
  output_.send(from, encode({.kind = EnvelopeKind::status_reply}, status().SerializeAsString()));
}

wire::BrokerStatus Broker::status() {
  wire::BrokerStatus status;
  status.set_name(options_.name);
  status.set_boot(options_.boot.value);
  status.set_uptime_ms(static_cast<std::uint64_t>(to_ms(now_ - started_)));
  status.set_late_replies(output_.counters.late_replies);
  status.set_draining(draining_);
  status.set_held(dispatcher_.held());
  status.set_held_bytes(dispatcher_.held_bytes());
  status.set_parked(dispatcher_.poison().all().size());
  peers_.for_each([&](Peer& peer) { describe(peer, now_, *status.add_peers()); });
  dispatcher_.services().for_each([&](Service& service) {
    if (service.ever_offered || service.waiting > 0)
      describe(service, options_.retry_hint_ms, *status.add_services());
  });
  return status;
}

void Broker::on_admin(const PeerKey& from, const Envelope& envelope) {
  wire::AdminRequest request;
  if (!request.ParseFromArray(envelope.body.data(), static_cast<int>(envelope.body.size())))
    return reply_to_admin(from, envelope.header.id, fail(Errc::bad_request, "not an AdminRequest"));
  reply_to_admin(from, envelope.header.id, carry_out(from, envelope.header.id, request));
}

void Broker::reply_to_admin(const PeerKey& to, const RequestId& about,
                            const Result<wire::AdminReply>& reply) {
  EnvelopeHeader header{.kind = EnvelopeKind::admin_reply, .id = about};
  if (!reply) header.error = static_cast<std::uint16_t>(reply.error().code);
  output_.send(to, encode(header, reply ? reply->SerializeAsString() : std::string()));
}

Result<wire::AdminReply> Broker::carry_out(const PeerKey& from, const RequestId& about,
                                           const wire::AdminRequest& request) {
  switch (request.what_case()) {
    case wire::AdminRequest::kDrain: return ask_to_drain(request.drain().peer());
    case wire::AdminRequest::kPoisonList: return list_poison();
    case wire::AdminRequest::kPoisonRetry:
      return for_tickets(request.poison_retry().tickets(),
                         [this](std::uint64_t ticket) { return dispatcher_.retry_poison(ticket); });
    case wire::AdminRequest::kPoisonDrop:
      return for_tickets(request.poison_drop().tickets(),
                         [this](std::uint64_t ticket) { return dispatcher_.drop_poison(ticket); });
    case wire::AdminRequest::kTrace: return start_trace(from, about, request.trace());
    case wire::AdminRequest::WHAT_NOT_SET: break;
  }
  return fail(Errc::unsupported, "this broker does not know that");
}

// Who serves begins to drain here when he says so himself, on every broker that he is connected to.
Result<wire::AdminReply> Broker::ask_to_drain(const std::string& name) {
  wire::AdminReply reply;
  if (name.empty() || name == options_.name) {
    output_.events.emplace_back(DrainWanted{});
    reply.set_count(1);
    return reply;
  }
  for (const Side side : {Side::gateways, Side::workers}) {
    Peer* peer = peers_.named(side, instance_id(name));
    if (peer == nullptr || peer->name != name) continue;
    say(*peer, EnvelopeKind::drain);
    reply.set_count(reply.count() + 1);
  }
  if (reply.count() == 0) return fail(Errc::not_found, "nobody of that name");
  return reply;
}

wire::AdminReply Broker::list_poison() const {
  wire::AdminReply reply;
  for (const ParkedRequest& parked : dispatcher_.poison().all()) {
    wire::AdminReply::Poison& line = *reply.add_poison();
    const auto verb = verb_info(parked.verb);
    line.set_ticket(parked.ticket);
    line.set_gateway(parked.id.gateway.value);
    line.set_boot(parked.id.boot.value);
    line.set_number(parked.id.number);
    line.set_verb(verb ? std::string(verb->name) : std::to_string(parked.verb));
    line.set_user(parked.user.value);
    line.set_key(parked.key);
    line.set_trace(parked.trace);
    line.set_bytes(parked.bytes.size());
    line.set_parked_ms_ago(static_cast<std::uint64_t>(to_ms(now_ - parked.parked_at)));
  }
  return reply;
}

wire::AdminReply Broker::for_tickets(const Tickets& tickets,
                                     const std::function<bool(std::uint64_t)>& each) {
  std::vector<std::uint64_t> chosen(tickets.begin(), tickets.end());
  if (chosen.empty())
    for (const ParkedRequest& parked : dispatcher_.poison().all()) chosen.push_back(parked.ticket);
  wire::AdminReply reply;
  for (const std::uint64_t ticket : chosen) reply.set_count(reply.count() + (each(ticket) ? 1 : 0));
  return reply;
}

wire::AdminReply Broker::start_trace(const PeerKey& from, const RequestId& about,
                                     const wire::TraceQuery& query) {
  TraceDesk::Open& open = traces_.open(from, about, query, now_);
  const std::string question =
      encode({.kind = EnvelopeKind::trace_query, .id = {.number = open.number}},
             query.SerializeAsString());
  peers_.for_each([&](const Peer& peer) {
    if (!peer.answers_traces) return;
    output_.send(peer.key, question);
    open.asked.push_back(peer.registration);
  });
  wire::AdminReply reply;
  reply.set_asked(static_cast<std::uint32_t>(open.asked.size()));
  *reply.mutable_trace() = output_.flights.answer(query, now_, options_.wall_clock_us());
  reply.mutable_trace()->set_process(options_.name);
  return reply;
}

void Broker::on_trace_answer(const Peer& peer, const EnvelopeHeader& header,
                             std::string_view bytes) {
  const auto [verdict, open] = traces_.on_answer(header.id.number, peer.registration, now_);
  if (verdict == TraceDesk::Verdict::misplaced) return misplaced(peer);
  if (verdict == TraceDesk::Verdict::late) {
    ++output_.counters.late_trace_answers;
    return;
  }
  wire::AdminReply reply;
  wire::TraceAnswer& answer = *reply.mutable_trace();
  const std::string_view body = bytes.substr(limits::envelope_header_bytes);
  if (!answer.ParseFromArray(body.data(), static_cast<int>(body.size())) ||
      !is_answer_of(peer.role, open->query, answer))
    return misplaced(peer);
  answer.set_process(peer.name);  // whatever it calls itself
  reply_to_admin(open->asker, open->about, reply);
}

}  // namespace parley
