#include "bus/dispatcher.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "bus/rendezvous.h"
#include "proto/limits.h"
#include "proto/verbs.h"

namespace parley {

Dispatcher::Service& Dispatcher::service_of(const Request& request) {
  return services_[parley::service_of(request.verb)];
}

bool Dispatcher::has_room(const Peer& peer, std::size_t bytes, unsigned attempts) const {
  const WorkerState& worker = *peer.worker;
  if (worker.draining || worker.held_messages >= worker.credit_messages) return false;
  const bool fits = worker.held_bytes + bytes <= worker.credit_bytes || worker.held_messages == 0;
  const bool is_last = attempts + 1 >= limits::attempts_max;
  return fits && !(is_last && worker.last_attempt != no_index);
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

void Dispatcher::accept(const EnvelopeHeader& header, std::string bytes, Duration ttl) {
  if (requests_.find(header.id) != no_index) {
    ++output_.counters.duplicates;
    return;
  }
  Service& service = services_[parley::service_of(header.verb)];
  if (!service.ever_offered && !grace_) {
    ++output_.counters.no_service;
    return answer_error(header.id, header.verb, Errc::no_service);
  }
  if (ttl <= Duration::zero()) {
    ++output_.counters.expired;
    return answer_error(header.id, header.verb, Errc::retry_later);
  }
  const SlabIndex lane = lanes_.find({header.key, parley::service_of(header.verb)});
  Peer* worker =
      lane != no_index ? lanes_[lane].worker : pick(service, header.key, bytes.size(), nullptr);
  const bool goes_at_once = worker != nullptr && worker->worker->queue.empty() &&
                            has_room(*worker, bytes.size(), 0);
  if ((!goes_at_once && queue_is_full(service, bytes.size())) ||
      requests_.size() >= options_.held_messages_max ||
      held_bytes_ + bytes.size() > options_.held_bytes_max) {
    ++output_.counters.busy;
    ++service.busy;
    return answer_error(header.id, header.verb, Errc::retry_later);
  }
  ++output_.counters.requests;
  ++service.requests;
  const SlabIndex at = store(header, std::move(bytes), ttl);
  lanes_[requests_[at].lane].worker = worker;
  place(at);
}

SlabIndex Dispatcher::store(const EnvelopeHeader& header, std::string bytes, Duration ttl) {
  held_bytes_ += bytes.size();
  const SlabIndex at = requests_.insert(header.id);
  Request& request = requests_[at];
  request.bytes = std::move(bytes);
  request.order = ++arrivals_;
  request.expires = now_ + ttl;
  next_expiry_ = std::min(next_expiry_, request.expires);
  request.user = header.user;
  request.verb = header.verb;
  const LaneKey key{header.key, parley::service_of(header.verb)};
  request.lane = lanes_.find(key);
  if (request.lane == no_index) request.lane = lanes_.insert(key);
  lanes_[request.lane].requests.push_back(requests_, at);
  return at;
}

void Dispatcher::place(SlabIndex at) {
  const Request& request = requests_[at];
  Peer* worker = lanes_[request.lane].worker;
  if (request.expires <= now_) {
    // It stands in no list yet; an orphan's list is as good as any to expire from.
    wait_in(service_of(request).orphans, at, Request::Place::orphaned);
    expire(at);
  } else if (worker == nullptr) {
    wait_in(service_of(request).orphans, at, Request::Place::orphaned);
  } else if (worker->worker->queue.empty() &&
             has_room(*worker, request.bytes.size(), request.attempts)) {
    send(at);
  } else {
    wait_in(worker->worker->queue, at, Request::Place::queued);
  }
}

void Dispatcher::wait_in(RequestList& list, SlabIndex at, Request::Place place) {
  Request& request = requests_[at];
  request.place = place;
  list.push_back(requests_, at);
  Service& service = service_of(request);
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
  ++peer.requests;
  ++output_.counters.sent;
  output_.send(peer.key, request.bytes);
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
  Service& service = service_of(request);
  RequestList& list =
      request.place == Request::Place::queued ? peer->worker->queue : service.orphans;
  list.erase(requests_, at);
  --service.waiting;
  service.waiting_bytes -= request.bytes.size();
}

// Requires: it stands in no list but its lane.
void Dispatcher::forget(SlabIndex at) {
  const SlabIndex lane = requests_[at].lane;
  held_bytes_ -= requests_[at].bytes.size();
  lanes_[lane].requests.erase(requests_, at);
  if (lanes_[lane].requests.empty()) lanes_.erase(lane);
  requests_.erase(at);
}

void Dispatcher::answer(Peer& peer, const RequestId& id, std::string bytes) {
  const SlabIndex at = requests_.find(id);
  if (at == no_index || requests_[at].place != Request::Place::outstanding ||
      lanes_[requests_[at].lane].worker != &peer) {
    ++output_.counters.late_replies;
    bury_ghost(*peer.worker, id);
    return pump(peer);
  }
  pass_on(id, std::move(bytes));  // before pump(): somebody waits for it
  const SlabIndex lane = requests_[at].lane;
  take_out(at);
  const bool lane_goes_on = lanes_[lane].requests.size > 1;
  forget(at);
  if (lane_goes_on) move_lane_if_free(lane);
  pump(peer);
}

void Dispatcher::bury_ghost(WorkerState& worker, const RequestId& id) {
  const auto ghost = worker.ghosts.find(id);
  if (ghost == worker.ghosts.end()) return;
  --worker.held_messages;
  worker.held_bytes -= ghost->second;
  worker.ghosts.erase(ghost);
}

void Dispatcher::pass_on(const RequestId& id, std::string reply) {
  Peer* gateway = peers_.asker(id);
  if (gateway == nullptr) {
    ++output_.counters.orphan_replies;
    return;
  }
  ++output_.counters.replies;
  output_.send(gateway->key, std::move(reply));
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

std::size_t Dispatcher::waiting() const {
  std::size_t sum = 0;
  for (const Service& service : services_) sum += service.waiting;
  return sum;
}

void Dispatcher::end_grace() {
  grace_ = false;
  for (Service& service : services_) {
    if (service.ever_offered) continue;
    for (const SlabIndex at : service.orphans.snapshot(requests_)) {
      ++output_.counters.no_service;
      answer_error(requests_.key(at), requests_[at].verb, Errc::no_service);
      take_out(at);
      forget(at);
    }
  }
}

void Dispatcher::answer_error(const RequestId& id, std::uint16_t verb, Errc code) {
  const EnvelopeHeader reply{.kind = EnvelopeKind::reply,
                             .verb = verb,
                             .error = static_cast<std::uint16_t>(code),
                             .id = id,
                             .retry_after_ms = is_retryable(code) ? options_.retry_hint_ms : 0};
  pass_on(id, encode(reply, {}));
}

}  // namespace parley
