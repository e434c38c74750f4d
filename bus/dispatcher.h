// Decides which worker gets which request, and when: credit, order of a key, redelivery, poison,
// expiry. The part of the broker (broker.h) that knows about work; it knows nothing of
// registration. Pure.
//
//   new ──room at a worker──> outstanding ──reply──> answered
//    │                         │      └──worker dies, leaves, or is too slow──> placed again, same
//    id ├──no room──> queued ─────┘                                                └─ 3rd death:
//    parked └──no worker──> orphaned ──a worker registers──> placed;   any of them ──time is up──>
//    retry_later
//
// After the 2nd death its lane rests, orphaned, until everybody who died in that moment is known to be dead.
//
// Requests for apps, the services of business systems, are orphaned only while their lane rests: with
// nobody there they are answered with no_service at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "bus/broker_output.h"
#include "bus/broker_types.h"
#include "bus/peers.h"
#include "bus/poison.h"
#include "bus/requests.h"
#include "bus/services.h"
#include "bus/share_of_apps.h"
#include "proto/envelope.h"

namespace parley {

class Dispatcher {
 public:
  enum class Departure {
    death,   // counts as an attempt of what it held: one of those may have killed it
    goodbye  // does not
  };

  // Both must outlive it. Peers given to it must be registered in `peers`.
  Dispatcher(const BrokerOptions& options, Peers& peers, BrokerOutput& output)
      : options_(options),
        peers_(peers),
        output_(output),
        services_(options.apps_max),
        for_apps_(options.held_messages_max, options.held_bytes_max),
        poison_(options.parked_max, options.parked_bytes_max) {}

  // Every call below means this moment.
  void set_now(Instant now) { now_ = now; }
  // Services that were never offered are awaited no longer: their orphans get no_service.
  void end_grace();

  // A new request of a registered gateway or business system. What cannot be taken is answered with
  // an error at once. Requires: it holds none of that id.
  void accept(const EnvelopeHeader& header, std::string bytes, Duration ttl);
  // A worker answered: goes to the gateway if the request is assigned to that worker, else it is
  // late.
  void answer(Peer& worker, const EnvelopeHeader& header, std::string bytes);
  // Answers a request that was not taken.
  void refuse(const EnvelopeHeader& header, Errc code);

  // Whether a peer with these apps may be added.
  bool has_room_for(const WorkerState& worker) const { return services_.has_room_for(worker.apps); }
  // Requires: has_room_for() it.
  void add_worker(Peer& worker);
  void drain_worker(Peer& worker);
  void remove_worker(Peer& worker, Departure departure);
  // What was sent to that worker, who is about to be removed, did not get there: it was no attempt.
  void not_delivered(const Peer& worker, const RequestId& id);

  // He is no longer registered, and asks again elsewhere what he still waits for: what no worker has
  // yet is forgotten, and what a worker has is given to no other.
  void remove_asker(const Peer& asker);

  // Finds what has expired or was kept too long by a live worker. `elapsed`: since the last tick; if the
  // broker stood still meanwhile, it knows nothing of who died. Requires: who is dead was removed.
  void on_tick(Duration elapsed);

  // A parked request as a new one of the same id. False: no such ticket, or there is no room.
  bool retry_poison(std::uint64_t ticket);
  bool drop_poison(std::uint64_t ticket) { return poison_.drop(ticket); }
  const Poison& poison() const { return poison_; }

  bool idle() const { return requests_.empty(); }
  // Whether it has been accepted and is unanswered.
  bool holds(const RequestId& id) const { return requests_.find(id) != no_index; }
  std::size_t held() const { return requests_.size(); }
  std::size_t held_bytes() const { return held_bytes_; }
  std::size_t waiting() const { return waiting_; }
  Services& services() { return services_; }

 private:
  Peer* pick(const Service& service, std::uint64_t key, std::size_t bytes,
             const Peer* except) const;
  bool has_room(const Peer& worker, std::size_t bytes, unsigned attempts) const;
  bool queue_is_full(const Service& service, std::size_t bytes) const;
  bool holds_enough(const Service& service, std::size_t bytes) const;

  // The steps of a request's life. Each takes it out of the list that it stood in, or puts it into
  // one.
  SlabIndex store(const EnvelopeHeader& header, Service& service, SlabIndex lane, std::string bytes,
                  Duration ttl);
  void place(SlabIndex at);  // its lane has a worker, or it becomes an orphan
  void give_up(SlabIndex at, Errc code);
  void send(SlabIndex at);
  void wait_in(RequestList& list, SlabIndex at, Request::Place place);
  void take_out(SlabIndex at);
  void forget(SlabIndex at);
  void expire(SlabIndex at);
  void expire_due();
  void park(SlabIndex at);
  bool end_if_spent(SlabIndex at);
  bool forget_if_abandoned(SlabIndex at);

  void pump(Peer& worker);
  // Everything of a lane to another worker, in order. `to` null: its requests become orphans.
  void move_lane(SlabIndex lane, Peer* to);
  void move_lane_if_free(SlabIndex lane);
  void place_orphans(Service& service);
  void refuse_orphans(Service& service);
  void end_rests();
  void note_death(SlabIndex at);
  Instant rest_end(const Lane& lane) const;
  Peer* choose_for(SlabIndex at, const Peer* except);
  bool may_be_moved(const Lane& lane) const;
  void move_slow_lanes(Peer& worker);
  void leave_behind(SlabIndex at);
  // Whether there is one.
  bool bury_ghost(WorkerState& worker, const RequestId& id);
  void pass_on(const RequestId& id, std::string reply);
  void answer_error(const RequestId& id, std::uint16_t verb, std::uint64_t trace, Errc code,
                    const Service* service);
  void note(FlightPoint point, SlabIndex at, std::uint16_t error = 0);

  const BrokerOptions& options_;
  Peers& peers_;
  BrokerOutput& output_;
  Instant now_;
  bool grace_ = true;
  Services services_;
  RequestMap requests_;
  LaneMap lanes_;
  std::size_t held_bytes_ = 0;
  ShareOfApps for_apps_;  // of all that is held
  std::size_t waiting_ = 0;
  std::uint64_t arrivals_ = 0;
  Instant next_expiry_ = Instant::max();  // no request that is held expires before
  Instant next_rest_end_ = Instant::max();  // no lane that rests goes on before
  Instant judged_at_;                       // whose death can be known was removed by then
  Instant attentive_since_;                 // it has not stood still since
  Poison poison_;
};

}  // namespace parley
