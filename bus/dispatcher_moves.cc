// How requests leave the worker that they were bound to: it died, drains or is slow; their time is up; they
// are poison. The other half of dispatcher.h.
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
  const Request& request = requests_[at];
  const SlabIndex lane = request.lane;
  const bool was_sent = request.place == Request::Place::outstanding;
  ++output_.counters.expired;
  answer_error(requests_.key(at), request.verb, Errc::retry_later);
  if (was_sent) leave_behind(at);
  else take_out(at);
  const bool lane_goes_on = lanes_[lane].requests.size > 1;
  forget(at);
  if (lane_goes_on && was_sent) move_lane_if_free(lane);
}

void Dispatcher::park(SlabIndex at) {
  const Request& request = requests_[at];
  const RequestId id = requests_.key(at);
  ParkedRequest parked{.id = id,
                       .verb = request.verb,
                       .user = request.user,
                       .key = lanes_.key(request.lane).key,
                       .bytes = request.bytes.size()};
  ++output_.counters.parked;
  ++service_of(request).poisoned;
  answer_error(id, request.verb, Errc::internal);
  forget(at);
  output_.events.emplace_back(parked);
  parked_.push_back(parked);
  if (parked_.size() > options_.parked_max) parked_.pop_front();
}

// A lane at a draining worker waits until the worker has answered what it holds of it, then moves.
void Dispatcher::move_lane_if_free(SlabIndex lane) {
  const Lane& moved = lanes_[lane];
  if (moved.worker == nullptr || !moved.worker->worker->draining) return;
  const SlabIndex first = moved.requests.head;
  if (requests_[first].place == Request::Place::outstanding) return;
  const LaneKey key = lanes_.key(lane);
  move_lane(lane, pick(services_[key.service], key.key, requests_[first].bytes.size(), nullptr));
}

void Dispatcher::move_lane(SlabIndex lane, Peer* to) {
  const auto moved = lanes_[lane].requests.snapshot(requests_);
  for (const SlabIndex at : moved) {
    if (requests_[at].place == Request::Place::outstanding) {
      leave_behind(at);
      ++output_.counters.redelivered;
      ++service_of(requests_[at]).redelivered;
    } else {
      take_out(at);
    }
  }
  lanes_[lane].worker = to;
  for (const SlabIndex at : moved) place(at);
}

void Dispatcher::add_worker(Peer& worker) {
  for (const std::uint8_t number : worker.worker->services) {
    Service& service = services_[number];
    service.workers.push_back(&worker);
    service.ever_offered = true;
    for (const SlabIndex at : service.orphans.snapshot(requests_)) {
      const SlabIndex lane = requests_[at].lane;
      take_out(at);
      // A lane's first orphan decides where the others follow it.
      if (lanes_[lane].worker == nullptr)
        lanes_[lane].worker =
            pick(service, lanes_.key(lane).key, requests_[at].bytes.size(), nullptr);
      place(at);
    }
  }
}

void Dispatcher::drain_worker(Peer& peer) {
  peer.worker->draining = true;
  for (const SlabIndex at : peer.worker->queue.snapshot(requests_)) {
    // Moving the lane of an earlier one may have taken this one along, or expired it.
    const SlabIndex lane = requests_[at].lane;
    if (lane != no_index && lanes_[lane].worker == &peer) move_lane_if_free(lane);
  }
}

void Dispatcher::remove_worker(Peer& peer, Departure departure) {
  WorkerState& worker = *peer.worker;
  for (const std::uint8_t number : worker.services) std::erase(services_[number].workers, &peer);
  auto moved = worker.outstanding.snapshot(requests_);
  const std::size_t outstanding = moved.size();
  for (const SlabIndex at : worker.queue.snapshot(requests_)) moved.push_back(at);

  for (const SlabIndex at : moved) take_out(at);
  for (std::size_t i = 0; i < outstanding; ++i) {
    Request& request = requests_[moved[i]];
    ++output_.counters.redelivered;
    ++service_of(request).redelivered;
    if (departure == Departure::goodbye) --request.attempts;
  }
  std::erase_if(moved, [&](SlabIndex at) {
    const bool poison = requests_[at].attempts >= limits::attempts_max;
    if (poison) park(at);
    return poison;
  });
  std::ranges::sort(moved, {}, [&](SlabIndex at) { return requests_[at].order; });
  for (const SlabIndex at : moved) lanes_[requests_[at].lane].worker = nullptr;
  for (const SlabIndex at : moved) {
    Lane& lane = lanes_[requests_[at].lane];
    const LaneKey key = lanes_.key(requests_[at].lane);
    if (lane.worker == nullptr)
      lane.worker = pick(services_[key.service], key.key, requests_[at].bytes.size(), nullptr);
    place(at);
  }
}

void Dispatcher::on_tick() {
  expire_due();
  peers_.for_each([&](Peer& peer) {
    if (!peer.worker) return;
    move_slow_lanes(peer);
    pump(peer);
  });
}

// Looks through everything that is held, but only when something is due: most are answered long before.
void Dispatcher::expire_due() {
  if (now_ < next_expiry_) return;
  next_expiry_ = Instant::max();
  requests_.for_each([&](SlabIndex at) {
    if (requests_[at].expires <= now_) expire(at);
    else next_expiry_ = std::min(next_expiry_, requests_[at].expires);
  });
}

// A request on its last attempt stays where it is: a slow database must end in retry_later, not in a
// verdict of poison.
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
    const LaneKey key = lanes_.key(lane);
    Peer* other = pick(services_[key.service], key.key, 0, &peer);
    if (other != nullptr) move_lane(lane, other);
  }
}

}  // namespace parley
