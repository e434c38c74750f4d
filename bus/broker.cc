#include "bus/broker.h"

#include <algorithm>
#include <utility>

#include "proto/bus.pb.h"
#include "bus/registration.h"
#include "proto/limits.h"
#include "proto/verbs.h"

namespace parley {

Broker::Broker(BrokerOptions options, Instant now)
    : options_(std::move(options)),
      dispatcher_(options_, peers_, output_),
      started_(now),
      now_(now),
      ticked_(now) {
  dispatcher_.set_now(now);
}

void Broker::advance(Instant now) {
  // Ticks come every 100 ms; a gap of ping_every means that this process did not run.
  if (now - now_ >= options_.ping_every) {
    backlog_age_ = std::max(backlog_age_, now - now_);
  }
  now_ = now;
  dispatcher_.set_now(now);
}

void Broker::on_message(const PeerKey& from, const Principal& who, std::string bytes,
                        Instant now) {
  advance(now);
  const auto envelope = decode_envelope(bytes);
  if (!envelope) {
    ++output_.counters.malformed;
    return;
  }
  const EnvelopeHeader& header = envelope->header;
  if (header.kind == EnvelopeKind::register_peer) return on_register(from, who, *envelope);
  Peer* peer = peers_.find(from);
  if (peer != nullptr) peer->heard_at = now;
  if (header.kind == EnvelopeKind::status) return on_status(from);
  if (peer == nullptr) {
    ++output_.counters.strangers;
    return turn_away(from, header.id, Errc::unauthenticated);
  }
  if (header.kind == EnvelopeKind::ping) return say(from, EnvelopeKind::pong);
  if (header.kind == EnvelopeKind::pong) return;
  if (header.kind == EnvelopeKind::bye) return lose(*peer, PeerEvent::Kind::left);
  if (peer->worker) on_worker(*peer, header, std::move(bytes));
  else on_gateway(*peer, header, std::move(bytes));
}

void Broker::on_gateway(Peer& gateway, const EnvelopeHeader& header, std::string bytes) {
  if (header.kind == EnvelopeKind::request) return on_request(gateway, header, std::move(bytes));
  ++output_.counters.misplaced;
}

void Broker::on_worker(Peer& worker, const EnvelopeHeader& header, std::string bytes) {
  if (header.kind == EnvelopeKind::reply)
    return dispatcher_.answer(worker, header.id, std::move(bytes));
  if (header.kind == EnvelopeKind::deliver) return on_deliver(worker, header, std::move(bytes));
  if (header.kind == EnvelopeKind::drain) {
    if (worker.worker->draining) return;
    dispatcher_.drain_worker(worker);
    output_.events.emplace_back(
        PeerEvent{PeerEvent::Kind::draining, worker.key.side, worker.name});
    return;
  }
  ++output_.counters.misplaced;
}

void Broker::on_request(Peer& gateway, const EnvelopeHeader& header, std::string bytes) {
  if (header.id.gateway != gateway.instance || header.id.boot != gateway.boot) {
    ++output_.counters.misplaced;
    return;
  }
  ++gateway.requests;
  if (draining_) return turn_away(gateway.key, header.id, Errc::going_away);
  const auto ttl = std::chrono::milliseconds(header.ttl_ms);
  dispatcher_.accept(header, std::move(bytes), ttl - backlog_age_);
}

void Broker::on_deliver(Peer& worker, const EnvelopeHeader& header, std::string bytes) {
  if (!header.id.gateway) {
    peers_.for_each([&](Peer& peer) {
      if (peer.worker) return;
      ++output_.counters.deliveries;
      output_.send(peer.key, bytes);
    });
    return;
  }
  if (Peer* gateway = peers_.named(Side::gateways, header.id.gateway)) {
    ++output_.counters.deliveries;
    output_.send(gateway->key, std::move(bytes));
    return;
  }
  ++output_.counters.unreachable;
  const EnvelopeHeader answer{.kind = EnvelopeKind::unreachable,
                              .key = header.key,
                              .id = {.gateway = header.id.gateway}};
  output_.send(worker.key,
               encode(answer, std::string_view(bytes).substr(limits::envelope_header_bytes)));
}

// -- who is here

void Broker::on_register(const PeerKey& from, const Principal& who, const Envelope& envelope) {
  auto candidate = read_registration(from, who, envelope, options_);
  Status verdict;
  if (!candidate) {
    verdict = fail(candidate.error().code);
  } else {
    Peer* same = peers_.find(from);
    if (same != nullptr && same->boot == candidate->boot && same->name == candidate->name) {
      same->heard_at = now_;
      return welcome(*same);  // our answer to its first REGISTER was slow or lost
    }
    verdict = make_way_for(from, *candidate);
  }
  if (!verdict) {
    ++output_.counters.registrations_refused;
    output_.events.emplace_back(PeerEvent{PeerEvent::Kind::refused, from.side,
                                          candidate ? candidate->name : "?", verdict.error().code});
    return turn_away(from, envelope.header.id, verdict.error().code);
  }
  candidate->heard_at = candidate->pinged_at = now_;
  Peer& peer = peers_.add(*std::move(candidate));
  ++output_.counters.registrations;
  output_.events.emplace_back(PeerEvent{PeerEvent::Kind::registered, peer.key.side, peer.name});
  welcome(peer);
  if (peer.worker) dispatcher_.add_worker(peer);
}

// conflict: its name is taken. The newcomer may be the next life of a dead peer, or the same life on a new
// connection: then the ping finds nobody, and its next attempt succeeds. Or its namesake lives, and replacing
// it would let the two drive each other out for ever, each time at the expense of what they were doing.
Status Broker::make_way_for(const PeerKey& from, const Peer& candidate) {
  if (draining_ && from.side == Side::gateways) return fail(Errc::going_away);
  Peer* namesake = peers_.named(from.side, candidate.instance);
  if (namesake != nullptr && namesake->name != candidate.name) return fail(Errc::conflict);
  if (namesake != nullptr && namesake->key != from) {
    probe(*namesake);
    return fail(Errc::conflict);
  }
  if (Peer* former = peers_.find(from)) lose(*former, PeerEvent::Kind::replaced);
  if (peers_.size() >= options_.peers_max) return fail(Errc::retry_later);
  return {};
}

void Broker::welcome(const Peer& peer) {
  wire::Registered body;
  body.set_broker(options_.name);
  body.set_broker_boot(options_.boot.value);
  body.set_ping_every_ms(static_cast<std::uint32_t>(to_ms(options_.ping_every)));
  body.set_dead_after_ms(static_cast<std::uint32_t>(to_ms(options_.dead_after)));
  const EnvelopeHeader header{.kind = EnvelopeKind::registered,
                              .id = {.gateway = peer.instance, .boot = peer.boot}};
  output_.send(peer.key, encode(header, body.SerializeAsString()));
}

void Broker::turn_away(const PeerKey& to, const RequestId& about, Errc reason) {
  const EnvelopeHeader header{.kind = EnvelopeKind::not_registered,
                              .error = static_cast<std::uint16_t>(reason),
                              .id = about,
                              .retry_after_ms = options_.retry_hint_ms};
  output_.send(to, encode(header, {}));
}

void Broker::say(const PeerKey& to, EnvelopeKind kind) {
  output_.send(to, encode(EnvelopeHeader{.kind = kind}, {}));
}

void Broker::lose(Peer& peer, PeerEvent::Kind why) {
  const bool left = why == PeerEvent::Kind::left;
  output_.counters.peers_lost += left ? 0 : 1;
  output_.events.emplace_back(PeerEvent{why, peer.key.side, peer.name});
  if (peer.worker)
    dispatcher_.remove_worker(
        peer, left ? Dispatcher::Departure::goodbye : Dispatcher::Departure::death);
  peers_.remove(peer);
}

// -- who lives

void Broker::on_unreachable(const PeerKey& key, Instant now) {
  advance(now);
  if (Peer* peer = peers_.find(key)) lose(*peer, PeerEvent::Kind::unreachable);
}

void Broker::on_disconnect_hint(Instant now) {
  advance(now);
  peers_.for_each([this](Peer& peer) { probe(peer); });
}

void Broker::probe(Peer& peer) {
  peer.pinged_at = now_;
  say(peer.key, EnvelopeKind::ping);
}

void Broker::on_tick(Instant now) {
  advance(now);
  backlog_age_ = Duration::zero();
  const bool stood_still = now - ticked_ >= options_.ping_every;
  ticked_ = now;
  if (stood_still) {
    // Nobody could be heard meanwhile, which says nothing about them.
    ++output_.counters.stalls;
    peers_.for_each([now](Peer& peer) { peer.heard_at = now; });
  }
  judge_silence(now);
  if (in_grace_ && now - started_ >= options_.startup_grace) {
    in_grace_ = false;
    dispatcher_.end_grace();
  }
  dispatcher_.on_tick();
}

void Broker::judge_silence(Instant now) {
  std::vector<Peer*> dead;
  peers_.for_each([&](Peer& peer) {
    const Duration silence = now - peer.heard_at;
    if (silence >= options_.dead_after) dead.push_back(&peer);
    else if (silence >= options_.ping_every && now - peer.pinged_at >= options_.ping_every)
      probe(peer);
  });
  for (Peer* peer : dead) lose(*peer, PeerEvent::Kind::silent);
}

void Broker::drain(Instant now) {
  advance(now);
  if (std::exchange(draining_, true)) return;
  peers_.for_each([this](Peer& peer) {
    if (!peer.worker) turn_away(peer.key, {}, Errc::going_away);
  });
}

// -- what an operator asks

void Broker::on_status(const PeerKey& from) {
  wire::BrokerStatus status;
  status.set_name(options_.name);
  status.set_uptime_ms(static_cast<std::uint64_t>(to_ms(now_ - started_)));
  status.set_late_replies(output_.counters.late_replies);
  const auto name_of_service = [](std::size_t number) {
    const auto known = service_name(static_cast<std::uint8_t>(number));
    return known ? std::string(*known) : std::to_string(number);
  };
  peers_.for_each([&](Peer& peer) {
    wire::BrokerStatus::Peer& line = *status.add_peers();
    line.set_name(peer.name);
    line.set_role(peer.worker ? wire::PEER_ROLE_WORKER : wire::PEER_ROLE_GATEWAY);
    line.set_silent_ms(static_cast<std::uint32_t>(to_ms(now_ - peer.heard_at)));
    line.set_requests(peer.requests);
    if (!peer.worker) return;
    for (const std::uint8_t service : peer.worker->services)
      line.add_services(name_of_service(service));
    line.set_outstanding_messages(static_cast<std::uint32_t>(peer.worker->held_messages));
    line.set_credit_messages(peer.worker->credit_messages);
    line.set_outstanding_bytes(peer.worker->held_bytes);
    line.set_credit_bytes(peer.worker->credit_bytes);
    line.set_draining(peer.worker->draining);
  });
  for (std::size_t number = 0; number < dispatcher_.services().size(); ++number) {
    const Dispatcher::Service& service = dispatcher_.services()[number];
    if (!service.ever_offered && service.waiting == 0) continue;
    wire::BrokerStatus::Service& line = *status.add_services();
    line.set_name(name_of_service(number));
    line.set_workers(static_cast<std::uint32_t>(service.workers.size()));
    line.set_queued(static_cast<std::uint32_t>(service.waiting));
    line.set_queued_bytes(service.waiting_bytes);
    line.set_requests(service.requests);
    line.set_busy(service.busy);
    line.set_redelivered(service.redelivered);
    line.set_poisoned(service.poisoned);
  }
  const EnvelopeHeader header{.kind = EnvelopeKind::status_reply};
  output_.send(from, encode(header, status.SerializeAsString()));
}

}  // namespace parley
