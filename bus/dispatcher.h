// Decides which worker gets which request, and when: credit, order of a key, redelivery, poison, expiry.
// The part of the broker (broker.h) that knows about work; it knows nothing of registration. Pure.
//
//   new ──room at a worker──> outstanding ──reply──> answered
//    │                         │      └──worker dies, leaves, or is too slow──> placed again, same id
//    ├──no room──> queued ─────┘                                                └─ 3rd death: parked
//    └──no worker──> orphaned ──a worker registers──> placed;   any of them ──time is up──> retry_later
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "bus/broker_types.h"
#include "bus/peers.h"
#include "bus/requests.h"
#include "proto/envelope.h"

namespace parley {

class Dispatcher {
 public:
  struct Service {
    std::vector<Peer*> workers;
    bool ever_offered = false;
    RequestList orphans;
    std::size_t waiting = 0;  // orphaned or queued at some worker
    std::size_t waiting_bytes = 0;
    std::uint64_t requests = 0;
    std::uint64_t busy = 0;
    std::uint64_t redelivered = 0;
    std::uint64_t poisoned = 0;
  };

  enum class Departure {
    death,   // counts as an attempt of what it held: one of those may have killed it
    goodbye  // does not
  };

  // Both must outlive it. Peers given to it must be registered in `peers`.
  Dispatcher(const BrokerOptions& options, Peers& peers, BrokerOutput& output)
      : options_(options), peers_(peers), output_(output) {}

  // Every call below means this moment.
  void set_now(Instant now) { now_ = now; }
  // Services that were never offered are awaited no longer: their orphans get no_service.
  void end_grace();

  // A new request of a registered gateway. What cannot be taken is answered with an error at once.
  void accept(const EnvelopeHeader& header, std::string bytes, Duration ttl);
  // A worker answered: goes to the gateway if the request is assigned to that worker, else it is late.
  void answer(Peer& worker, const RequestId& id, std::string bytes);

  void add_worker(Peer& worker);
  void drain_worker(Peer& worker);
  void remove_worker(Peer& worker, Departure departure);

  // Finds what has expired or was kept too long by a live worker.
  void on_tick();

  bool idle() const { return requests_.empty(); }
  std::size_t held() const { return requests_.size(); }
  std::size_t held_bytes() const { return held_bytes_; }
  std::size_t waiting() const;
  const std::array<Service, 256>& services() const { return services_; }
  const std::deque<ParkedRequest>& parked() const { return parked_; }

 private:
  Service& service_of(const Request& request);
  Peer* pick(const Service& service, std::uint64_t key, std::size_t bytes,
             const Peer* except) const;
  bool has_room(const Peer& worker, std::size_t bytes, unsigned attempts) const;
  bool queue_is_full(const Service& service, std::size_t bytes) const;

  // The steps of a request's life. Each takes it out of the list that it stood in, or puts it into one.
  SlabIndex store(const EnvelopeHeader& header, std::string bytes, Duration ttl);
  void place(SlabIndex at);  // its lane has a worker, or it becomes an orphan
  void send(SlabIndex at);
  void wait_in(RequestList& list, SlabIndex at, Request::Place place);
  void take_out(SlabIndex at);
  void forget(SlabIndex at);
  void expire(SlabIndex at);
  void expire_due();
  void park(SlabIndex at);

  void pump(Peer& worker);
  // Everything of a lane to another worker, in order. `to` null: its requests become orphans.
  void move_lane(SlabIndex lane, Peer* to);
  void move_lane_if_free(SlabIndex lane);
  bool may_be_moved(const Lane& lane) const;
  void move_slow_lanes(Peer& worker);
  void leave_behind(SlabIndex at);
  void bury_ghost(WorkerState& worker, const RequestId& id);
  void pass_on(const RequestId& id, std::string reply);
  void answer_error(const RequestId& id, std::uint16_t verb, Errc code);

  const BrokerOptions& options_;
  Peers& peers_;
  BrokerOutput& output_;
  Instant now_;
  bool grace_ = true;
  std::array<Service, 256> services_;  // by the high byte of the verb
  RequestMap requests_;
  LaneMap lanes_;
  std::size_t held_bytes_ = 0;
  std::uint64_t arrivals_ = 0;
  Instant next_expiry_ = Instant::max();  // no request that is held expires before
  std::deque<ParkedRequest> parked_;
};

}  // namespace parley
