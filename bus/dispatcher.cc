#include "bus/dispatcher.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "bus/rendezvous.h"
#include "proto/limits.h"
#include "proto/verbs.h"

namespace parley {

namespace {

// What a service may answer; the rest of base/error.def are our own words.
bool may_be_answered(std::uint16_t error) {
  switch (static_cast<Errc>(error)) {
    case Errc::retry_later:
    case Errc::rate_limited:
    case Errc::storage_full:
    case Errc::bad_request:
    case Errc::too_large:
    case Errc::refused:
    case Errc::not_found:
    case Errc::conflict:
    case Errc::unsupported:
    case Errc::internal: return true;
    default: return error == 0;
  }
}

// What a business system answers goes to clients: only what a service may say, nothing that a
// gateway would act on.
std::string app_reply(const EnvelopeHeader& said, std::string_view body, std::uint16_t verb,
                      std::uint64_t trace) {
  EnvelopeHeader reply{.kind = EnvelopeKind::reply,
                       .verb = verb,
                       .error = said.error,
                       .id = said.id,
                       .trace = trace,
                       .retry_after_ms = said.retry_after_ms};
  const bool fits = body.size() <= limits::frame_body_max;
  if (!fits || !may_be_answered(said.error))
    reply.error = static_cast<std::uint16_t>(Errc::internal);
  return encode(reply, reply.error == 0 ? body : std::string_view());
}

}  // namespace

bool Dispatcher::has_room(const Peer& peer, std::size_t bytes, unsigned attempts) const {
  const WorkerState& worker = *peer.worker;
  if (worker.draining || worker.is_gone) return false;
  if (worker.held_messages >= worker.credit_messages) return false;
  const bool fits = worker.held_bytes + bytes <= worker.credit_bytes || worker.held_messages == 0;
  const bool is_last = attempts + 1 >= limits::attempts_max;
  return fits && !(is_last && worker.last_attempt != no_index) && output_.has_room(peer, bytes);
}

// The key's first choice among those with room; if none has room the first choice of all.
Peer* Dispatcher::pick(const Service& service, std::uint64_t key, std::size_t bytes,
                       const Peer* except) const {
  Peer* first = nullptr;
  Peer* first_free = nullptr;
  std::uint64_t best = 0;
  std::uint64_t best_free = 0;
  for (Peer* worker : service.workers) {
    if (worker == except || worker->worker->draining) continue;
    const std::uint64_t weight = rendezvous_weight(worker->instance.value, key);
    if (first == nullptr || weight > best) {
      first = worker;
      best = weight;
    }
    if (first_free != nullptr && weight <= best_free) continue;
    if (!worker->worker->queue.empty() || !has_room(*worker, bytes, 0)) continue;
    first_free = worker;
    best_free = weight;
  }
  return first_free != nullptr ? first_free : first;
}

bool Dispatcher::queue_is_full(const Service& service, std::size_t bytes) const {
  return service.waiting >= options_.queue_messages_max ||
         service.waiting_bytes + bytes > options_.queue_bytes_max;
}

bool Dispatcher::holds_enough(const Service& service, std::size_t bytes) const {
  return requests_.size() >= options_.held_messages_max ||
         held_bytes_ + bytes > options_.held_bytes_max ||
         (service.is_app && !for_apps_.has_room_for(bytes));
}

// The worker that a request's lane would go to now; null: nobody serves it.
Peer* Dispatcher::choose_for(SlabIndex at, const Peer* except) {
  const Request& request = requests_[at];
  return pick(*request.service, lanes_.key(request.lane).key, request.bytes.size(), except);
}

void Dispatcher::refuse(const EnvelopeHeader& header, Errc code) {
  output_.flights.note({header.trace, header.user, now_, FlightPoint::broker_refused, 0,
                        header.verb, static_cast<std::uint16_t>(code)});
  answer_error(header.id, header.verb, header.trace, code,
               services_.of(header.verb, header.target));
}

void Dispatcher::accept(const EnvelopeHeader& header, std::string bytes, Duration ttl) {
  Service* service = services_.of(header.verb, header.target);
  if (service == nullptr || (service->is_app && !service->is_served()) ||
      (!service->is_app && !service->ever_offered && !grace_)) {
    ++output_.counters.no_service;
    return refuse(header, Errc::no_service);
  }
  if (ttl <= Duration::zero()) {
    ++output_.counters.expired;
    return refuse(header, Errc::retry_later);
  }
  const SlabIndex lane = lanes_.find({header.key, service});
  Peer* worker =
      lane != no_index ? lanes_[lane].worker : pick(*service, header.key, bytes.size(), nullptr);
  const bool goes_at_once =
      worker != nullptr && worker->worker->queue.empty() && has_room(*worker, bytes.size(), 0);
  if ((!goes_at_once && queue_is_full(*service, bytes.size())) ||
      holds_enough(*service, bytes.size())) {
    ++output_.counters.busy;
    ++service->busy;
    return refuse(header, Errc::retry_later);
  }
  ++output_.counters.requests;
  ++service->requests;
  const SlabIndex at = store(header, *service, lane, std::move(bytes), ttl);
  lanes_[requests_[at].lane].worker = worker;
  note(FlightPoint::broker_accepted, at);
  place(at);
}

SlabIndex Dispatcher::store(const EnvelopeHeader& header, Service& service, SlabIndex lane,
                            std::string bytes, Duration ttl) {
  held_bytes_ += bytes.size();
  if (service.is_app) for_apps_.take(bytes.size());
  const SlabIndex at = requests_.insert(header.id);
  Request& request = requests_[at];
  request.bytes = std::move(bytes);
  request.order = ++arrivals_;
  request.expires = now_ + ttl;
  next_expiry_ = std::min(next_expiry_, request.expires);
  request.user = header.user;
  request.trace = header.trace;
  request.verb = header.verb;
  request.service = &service;
  request.lane = lane != no_index ? lane : lanes_.insert({header.key, &service});
  lanes_[request.lane].requests.push_back(requests_, at);
  return at;
}

void Dispatcher::place(SlabIndex at) {
  const Request& request = requests_[at];
  const Lane& lane = lanes_[request.lane];
  Peer* worker = lane.worker;
  if (request.expires <= now_) {
    ++output_.counters.expired;
    give_up(at, Errc::retry_later);
  } else if (worker == nullptr && request.service->is_app && !lane.rests_since) {
    ++output_.counters.no_service;
    give_up(at, Errc::no_service);
  } else if (worker == nullptr) {
    wait_in(request.service->orphans, at, Request::Place::orphaned);
  } else if (worker->worker->queue.empty() &&
             has_room(*worker, request.bytes.size(), request.attempts)) {
    send(at);
  } else {
    ++output_.counters.credit_exhausted;
    ++request.service->credit_exhausted;
    ++worker->worker->credit_exhausted;
    wait_in(worker->worker->queue, at, Request::Place::queued);
  }
}

// Requires: it stands in no list but its lane.
void Dispatcher::give_up(SlabIndex at, Errc code) {
  const Request& request = requests_[at];
  note(code == Errc::retry_later ? FlightPoint::broker_expired : FlightPoint::broker_refused, at,
       static_cast<std::uint16_t>(code));
  answer_error(requests_.key(at), request.verb, request.trace, code, request.service);
  forget(at);
}

void Dispatcher::wait_in(RequestList& list, SlabIndex at, Request::Place place) {
  Request& request = requests_[at];
  request.place = place;
  list.push_back(requests_, at);
  Service& service = *request.service;
  ++waiting_;
  ++service.waiting;
  service.waiting_bytes += request.bytes.size();
}

void Dispatcher::send(SlabIndex at) {
  Request& request = requests_[at];
  Peer& peer = *lanes_[request.lane].worker;
  WorkerState& worker = *peer.worker;
  request.place = Request::Place::outstanding;
  request.sent = now_;
  ++request.attempts;
  worker.outstanding.push_back(requests_, at);
  ++worker.held_messages;
  worker.held_bytes += request.bytes.size();
  if (request.attempts >= limits::attempts_max) worker.last_attempt = at;

  set_attempt(request.bytes, request.attempts);
  set_ttl_ms(request.bytes, static_cast<std::uint32_t>(to_ms(request.expires - now_)));
  if (peer.role == Role::worker) ++peer.requests;
  ++output_.counters.sent;
  note(FlightPoint::broker_sent, at);
  output_.send(peer, request.bytes);
}

// Credit of what was outstanding comes back: leave_behind() keeps it instead.
void Dispatcher::take_out(SlabIndex at) {
  Request& request = requests_[at];
  Peer* peer = lanes_[request.lane].worker;
  if (request.place == Request::Place::outstanding) {
    WorkerState& worker = *peer->worker;
    worker.outstanding.erase(requests_, at);
    --worker.held_messages;
    worker.held_bytes -= request.bytes.size();
    if (worker.last_attempt == at) worker.last_attempt = no_index;
    return;
  }
  Service& service = *request.service;
  RequestList& list =
      request.place == Request::Place::queued ? peer->worker->queue : service.orphans;
  list.erase(requests_, at);
  --waiting_;
  --service.waiting;
  service.waiting_bytes -= request.bytes.size();
}

// Requires: it stands in no list but its lane.
void Dispatcher::forget(SlabIndex at) {
  const SlabIndex lane = requests_[at].lane;
  held_bytes_ -= requests_[at].bytes.size();
  if (requests_[at].service->is_app) for_apps_.give_back(requests_[at].bytes.size());
  lanes_[lane].requests.erase(requests_, at);
  if (lanes_[lane].requests.empty()) lanes_.erase(lane);
  requests_.erase(at);
}

void Dispatcher::answer(Peer& peer, const EnvelopeHeader& header, std::string bytes) {
  const SlabIndex at = requests_.find(header.id);
  if (at == no_index || requests_[at].place != Request::Place::outstanding ||
      lanes_[requests_[at].lane].worker != &peer) {
    ++output_.counters.late_replies;
    output_.flights.note({header.trace, header.user, now_, FlightPoint::broker_late_reply, 0,
                          header.verb, header.error});
    if (!bury_ghost(*peer.worker, header.id)) output_.tell(PeerEvent::Kind::unasked_reply, peer);
    return pump(peer);
  }
  Service& service = *requests_[at].service;
  ++service.answered;
  note(FlightPoint::broker_replied, at, header.error);
  if (service.is_app)
    bytes = app_reply(header, std::string_view(bytes).substr(limits::envelope_header_bytes),
                      requests_[at].verb, requests_[at].trace);
  pass_on(header.id, std::move(bytes));  // before pump(): somebody waits for it
  const SlabIndex lane = requests_[at].lane;
  take_out(at);
  const bool lane_goes_on = lanes_[lane].requests.size > 1;
  forget(at);
  if (lane_goes_on) move_lane_if_free(lane);
  pump(peer);
}

bool Dispatcher::bury_ghost(WorkerState& worker, const RequestId& id) {
  const auto ghost = worker.ghosts.find(id);
  if (ghost == worker.ghosts.end()) return false;
  --worker.held_messages;
  worker.held_bytes -= ghost->second;
  worker.ghosts.erase(ghost);
  return true;
}

void Dispatcher::pass_on(const RequestId& id, std::string reply) {
  Peer* gateway = peers_.asker(id);
  if (gateway == nullptr) {
    ++output_.counters.orphan_replies;
    return;
  }
  if (output_.send(*gateway, std::move(reply))) ++output_.counters.replies;
}

void Dispatcher::pump(Peer& peer) {
  WorkerState& worker = *peer.worker;
  while (!worker.queue.empty()) {
    const SlabIndex head = worker.queue.head;
    const Request& request = requests_[head];
    if (request.expires <= now_) {
      expire(head);
    } else if (has_room(peer, request.bytes.size(), request.attempts)) {
      take_out(head);
      send(head);
    } else {
      return;
    }
  }
}

void Dispatcher::end_grace() {
  grace_ = false;
  services_.for_each([this](Service& service) {
    if (!service.ever_offered) refuse_orphans(service);
  });
}

void Dispatcher::refuse_orphans(Service& service) {
  for (const SlabIndex at : service.orphans.snapshot(requests_)) {
    ++output_.counters.no_service;
    take_out(at);
    give_up(at, Errc::no_service);
  }
}

void Dispatcher::answer_error(const RequestId& id, std::uint16_t verb, std::uint64_t trace,
                              Errc code, const Service* service) {
  const std::uint32_t hint_ms =
      service == nullptr ? options_.retry_hint_ms : service->retry_hint_ms(options_.retry_hint_ms);
  const EnvelopeHeader reply{.kind = EnvelopeKind::reply,
                             .verb = verb,
                             .error = static_cast<std::uint16_t>(code),
                             .id = id,
                             .trace = trace,
                             .retry_after_ms = is_retryable(code) ? hint_ms : 0};
  pass_on(id, encode(reply, {}));
}

void Dispatcher::note(FlightPoint point, SlabIndex at, std::uint16_t error) {
  const Request& request = requests_[at];
  output_.flights.note(
      {request.trace, request.user, now_, point, request.attempts, request.verb, error});
}

}  // namespace parley
