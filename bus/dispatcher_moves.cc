// How requests leave the worker that they were bound to: it died, drains or is slow; their time is
// up; they are poison. The other half of dispatcher.h.
#include <algorithm>

#include "bus/dispatcher.h"
#include "proto/limits.h"

namespace parley {

// The worker still holds it, so its credit stays used until the late answer comes.
void Dispatcher::leave_behind(SlabIndex at) {
  WorkerState& worker = *lanes_[requests_[at].lane].worker->worker;
  const std::size_t bytes = requests_[at].bytes.size();
  take_out(at);
  worker.ghosts.emplace(requests_.key(at), bytes);
  ++worker.held_messages;
  worker.held_bytes += bytes;
}

void Dispatcher::expire(SlabIndex at) {
  const SlabIndex lane = requests_[at].lane;
  const bool was_sent = requests_[at].place == Request::Place::outstanding;
  ++output_.counters.expired;
  if (was_sent)
    leave_behind(at);
  else
    take_out(at);
  const bool lane_goes_on = lanes_[lane].requests.size > 1;
  give_up(at, Errc::retry_later);
  if (lane_goes_on && was_sent) move_lane_if_free(lane);
}

void Dispatcher::park(SlabIndex at) {
  Request& request = requests_[at];
  const RequestId id = requests_.key(at);
  ++output_.counters.parked;
  ++request.service->poisoned;
  note(FlightPoint::broker_parked, at);
  answer_error(id, request.verb, request.trace, Errc::internal, request.service);
  const std::size_t bytes = request.bytes.size();
  const ParkedRequest& parked = poison_.add({.id = id,
                                             .verb = request.verb,
                                             .user = request.user,
                                             .key = lanes_.key(request.lane).key,
                                             .trace = request.trace,
                                             .parked_at = now_,
                                             .bytes = request.bytes});
  output_.events.emplace_back(ParkedEvent{.ticket = parked.ticket,
                                          .id = id,
                                          .verb = parked.verb,
                                          .user = parked.user,
                                          .key = parked.key,
                                          .trace = parked.trace,
                                          .bytes = bytes});
  forget(at);
}

// Attempts are bounded whatever ended them; but only what three workers died of is poison.
bool Dispatcher::end_if_spent(SlabIndex at) {
  const Request& request = requests_[at];
  if (request.attempts < limits::attempts_max) return false;
  if (request.deaths >= limits::attempts_max)
    park(at);
  else
    give_up(at, Errc::retry_later);
  return true;
}

// Requires: it stands in no list but its lane.
bool Dispatcher::forget_if_abandoned(SlabIndex at) {
  if (requests_[at].outlives_asker || peers_.asker(requests_.key(at)) != nullptr) return false;
  ++output_.counters.abandoned;
  note(FlightPoint::broker_abandoned, at);
  forget(at);
  return true;
}

void Dispatcher::remove_asker(const Peer& asker) {
  requests_.for_each([&](SlabIndex at) {
    const RequestId& id = requests_.key(at);
    if (id.gateway != asker.instance || id.boot != asker.boot) return;
    if (requests_[at].place == Request::Place::outstanding || requests_[at].outlives_asker) return;
    take_out(at);
    forget_if_abandoned(at);
  });
}

bool Dispatcher::retry_poison(std::uint64_t ticket) {
  const ParkedRequest* parked = poison_.find(ticket);
  if (parked == nullptr) return false;
  const RequestId id = parked->id;
  const auto envelope = decode_envelope(parked->bytes);
  if (!holds(id)) accept(envelope->header, parked->bytes, options_.retried_poison_ttl);
  if (!holds(id)) return false;
  requests_[requests_.find(id)].outlives_asker = true;
  return poison_.drop(ticket);
}

// A lane at a draining worker waits until the worker has answered what it holds of it, then moves.
void Dispatcher::move_lane_if_free(SlabIndex lane) {
  const Lane& moved = lanes_[lane];
  if (moved.worker == nullptr || !moved.worker->worker->draining) return;
  const SlabIndex first = moved.requests.head;
  if (requests_[first].place == Request::Place::outstanding) return;
  move_lane(lane, choose_for(first, nullptr));
}

void Dispatcher::move_lane(SlabIndex lane, Peer* to) {
  const auto moved = lanes_[lane].requests.snapshot(requests_);
  for (const SlabIndex at : moved) {
    if (requests_[at].place == Request::Place::outstanding) {
      leave_behind(at);
      ++output_.counters.redelivered;
      ++requests_[at].service->redelivered;
      note(FlightPoint::broker_taken_back, at);
    } else {
      take_out(at);
    }
  }
  lanes_[lane].worker = to;
  for (const SlabIndex at : moved)
    if (!forget_if_abandoned(at)) place(at);
}

void Dispatcher::add_worker(Peer& peer) {
  WorkerState& worker = *peer.worker;
  for (const std::uint8_t number : worker.built_in)
    worker.services.push_back(&services_.built_in(number));
  for (const std::string& app : worker.apps) worker.services.push_back(&services_.app(app));
  for (Service* service : worker.services) {
    service->workers.push_back(&peer);
    service->ever_offered = true;
    place_orphans(*service);
  }
}

// Those of lanes that rest stay.
void Dispatcher::place_orphans(Service& service) {
  for (const SlabIndex at : service.orphans.snapshot(requests_)) {
    Lane& lane = lanes_[requests_[at].lane];
    if (lane.rests_since && rest_end(lane) > judged_at_) {
      next_rest_end_ = std::min(next_rest_end_, rest_end(lane));
      continue;
    }
    lane.rests_since.reset();
    take_out(at);
    // A lane's first orphan decides where the others follow it.
    if (lane.worker == nullptr) lane.worker = choose_for(at, nullptr);
    place(at);
  }
}

// Then everybody is known to be dead who died when the rest began.
Instant Dispatcher::rest_end(const Lane& lane) const {
  return std::max(*lane.rests_since, attentive_since_) + options_.dead_after;
}

// Workers that are killed together are noticed one after the other, and each may be given, meanwhile, what the
// one before died with. Its last attempt is therefore made when all of them are known to be dead: who dies then,
// dies of it.
void Dispatcher::note_death(SlabIndex at) {
  Request& request = requests_[at];
  ++request.deaths;
  if (request.deaths + 1U != limits::attempts_max || request.attempts >= limits::attempts_max)
    return;
  Lane& lane = lanes_[request.lane];
  lane.rests_since = now_;
  next_rest_end_ = std::min(next_rest_end_, rest_end(lane));
}

void Dispatcher::drain_worker(Peer& peer) {
  peer.worker->draining = true;
  for (const SlabIndex at : peer.worker->queue.snapshot(requests_)) {
    // Moving the lane of an earlier one may have taken this one along, or expired it.
    const SlabIndex lane = requests_[at].lane;
    if (lane != no_index && lanes_[lane].worker == &peer) move_lane_if_free(lane);
  }
}

void Dispatcher::not_delivered(const Peer& peer, const RequestId& id) {
  const SlabIndex at = requests_.find(id);
  if (at == no_index || requests_[at].place != Request::Place::outstanding) return;
  if (lanes_[requests_[at].lane].worker == &peer) requests_[at].undelivered = true;
}

void Dispatcher::remove_worker(Peer& peer, Departure departure) {
  WorkerState& worker = *peer.worker;
  for (Service* service : worker.services) std::erase(service->workers, &peer);
  auto moved = worker.outstanding.snapshot(requests_);
  const std::size_t outstanding = moved.size();
  for (const SlabIndex at : worker.queue.snapshot(requests_)) moved.push_back(at);

  for (const SlabIndex at : moved) take_out(at);
  for (std::size_t i = 0; i < outstanding; ++i) {
    Request& request = requests_[moved[i]];
    ++output_.counters.redelivered;
    ++request.service->redelivered;
    note(FlightPoint::broker_taken_back, moved[i]);
    if (std::exchange(request.undelivered, false) || departure == Departure::goodbye)
      --request.attempts;
    else
      note_death(moved[i]);
  }
  std::erase_if(moved,
                [this](SlabIndex at) { return end_if_spent(at) || forget_if_abandoned(at); });
  std::ranges::sort(moved, {}, [&](SlabIndex at) { return requests_[at].order; });
  for (const SlabIndex at : moved) lanes_[requests_[at].lane].worker = nullptr;
  for (const SlabIndex at : moved) {
    Lane& lane = lanes_[requests_[at].lane];
    if (lane.worker == nullptr && !lane.rests_since) lane.worker = choose_for(at, nullptr);
    place(at);
  }
  // With nobody left to serve an app nothing of it is held any more.
  for (Service* service : worker.services) {
    if (!service->is_app || !service->workers.empty()) continue;
    refuse_orphans(*service);
    services_.forget(*service);
  }
}

void Dispatcher::on_tick(Duration elapsed) {
  services_.for_each([elapsed](Service& service) { service.measure(elapsed); });
  judged_at_ = now_;
  if (elapsed >= options_.ping_every) attentive_since_ = now_;
  expire_due();
  end_rests();
  peers_.for_each([&](Peer& peer) {
    if (!peer.worker) return;
    move_slow_lanes(peer);
    pump(peer);
  });
}

void Dispatcher::end_rests() {
  if (now_ < next_rest_end_) return;
  next_rest_end_ = Instant::max();
  services_.for_each([this](Service& service) { place_orphans(service); });
}

// Looks through everything that is held, but only when something is due: most are answered long
// before.
void Dispatcher::expire_due() {
  if (now_ < next_expiry_) return;
  next_expiry_ = Instant::max();
  requests_.for_each([&](SlabIndex at) {
    if (requests_[at].expires <= now_)
      expire(at);
    else
      next_expiry_ = std::min(next_expiry_, requests_[at].expires);
  });
}

// A request on its last attempt stays where it is: a slow database must end in retry_later, not in
// a verdict of poison.
bool Dispatcher::may_be_moved(const Lane& lane) const {
  for (SlabIndex at = lane.requests.head; at != no_index; at = requests_[at].in_lane.next) {
    const Request& request = requests_[at];
    if (request.place == Request::Place::outstanding && request.attempts >= limits::attempts_max)
      return false;
  }
  return true;
}

void Dispatcher::move_slow_lanes(Peer& peer) {
  const Instant sent_before = now_ - options_.attempt_timeout;
  std::vector<SlabIndex> slow;
  const RequestList& outstanding = peer.worker->outstanding;
  for (SlabIndex at = outstanding.head; at != no_index && requests_[at].sent <= sent_before;
       at = requests_[at].in_place.next)
    slow.push_back(requests_[at].lane);
  for (const SlabIndex lane : slow) {
    // The lane of two slow requests has moved with the first.
    if (lanes_[lane].worker != &peer || !may_be_moved(lanes_[lane])) continue;
    const SlabIndex first = lanes_[lane].requests.head;
    Peer* other = choose_for(first, &peer);
    if (other != nullptr) move_lane(lane, other);
  }
}

}  // namespace parley
