// The threads of a worker and the queues between them; the loop's thread only hands things on.
//
//   requests ──by routing key──▶ executors ──┬──▶ answers
//            ──logins by token─▶ clerks ─────┤
//            ──business systems▶ counters ───┤
//            ──passwords───────▶ hashers ────┴──▶ deliveries, logins ──▶ courier ──▶ messages,
//            answers ──reports of gateways────────────────────────────────────────▲
//
// Bounds. Requests inside: the credit that the consumer granted its brokers. Waiting for a hasher:
// 64 in all, 1.5 s each; beyond: retry_later. Deliveries waiting for the courier: 32 MiB; beyond:
// dropped and counted (a delivery is a hint; clients find the gap by its number), but for those to
// every gateway, which end sessions: at most one a login or logout, and small. Logins are then
// answered without having become routes.
//
// Thread: the loop's, but for the stores and services, each of which lives on one thread of the
// crew.
#pragma once

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "base/loop.h"
#include "base/metrics.h"
#include "workers/batch_thread.h"
#include "workers/courier.h"
#include "workers/services.h"

namespace parley {

// One thread's own connections.
struct Stores {
  std::unique_ptr<LogStore> log;
  std::unique_ptr<UserStore> users;
  std::unique_ptr<RouteStore> routes;
  std::unique_ptr<EventStore> events;
};

struct CrewOptions {
  std::vector<ServiceId> services = {};
  std::size_t executors = 2;
  std::size_t clerks = 1;
  std::size_t hashers = 1;
  std::size_t business = 1;
  std::size_t batch_max = 512;
  std::size_t batch_bytes_max = 4 << 20;
  std::size_t brokers = 1;
  std::size_t hash_queue_max = 64;
  std::size_t courier_bytes_max = 32 << 20;
  // Longer than the database may take to connect (2 s) and then to answer one statement (5 s).
  // Whoever is slower at several statements in a row is taken for stuck, rightly: others may have a
  // better connection.
  Duration stuck_after = 8s;
  LoginOptions login = {};
};

class Crew {
 public:
  struct Handlers {
    // For each submitted request, once.
    std::function<void(const BusRequest& request, const EnvelopeHeader& header,
                       std::string_view body)>
        on_answer;
    // After the answers of the requests that caused them.
    std::function<void(const PackedDelivery& message)> on_delivery;
  };

  // `make_stores` is called here, once per thread. `hasher` must outlive the crew.
  Crew(Loop& loop, CrewOptions options, const std::function<Stores()>& make_stores,
       const PasswordHasher& hasher, Handlers handlers, Metrics& metrics);
  // Finishes what was submitted; its results are dropped. Drain first.
  ~Crew();
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;

  // Requests that arrive in one turn of the loop reach their executor together.
  void submit(BusRequest request);
  void unreachable(InstanceId gateway, std::string_view items);

  // False once a thread has been stuck in one piece of work for too long.
  bool is_alive() const;
  // Whether nothing is left inside: every answer and delivery was handed out.
  bool idle() const;

 private:
  using Executor = BatchThread<Job, Finished>;
  using CourierThread = BatchThread<CourierTask, CourierResult>;
  // A thread with what lives on it, and what this turn has gathered for it.
  struct Desk {
    Desk(Stores own_stores, ServiceSet own_services)
        : stores(std::move(own_stores)), services(std::move(own_services)) {}
    Stores stores;
    ServiceSet services;
    std::vector<Job> arrived;
    std::unique_ptr<Executor> thread;
  };
  using Desks = std::vector<std::unique_ptr<Desk>>;
  enum Room : std::size_t { executors, clerks, hashers, counters, rooms };

  ServiceSet services_for(const Stores& stores) const;
  std::unique_ptr<Desk> make_desk(Stores stores, std::size_t batch_max);
  void furnish(Room room, std::size_t desks, std::size_t batch_max,
               const std::function<Stores()>& make_stores);
  void work(Desk& desk, std::vector<Job>& batch, Executor::Reporter& reporter) const;
  bool serves(Lane lane) const;

  Desk& desk_for(Room room, std::uint64_t key);
  void submit_to_hasher(Job job);
  void hand_out();
  void collect();
  void answer(const std::vector<Answered>& answers) const;
  void answer_or_admit(std::vector<Answered> answers);
  void to_courier(std::vector<Delivery> deliveries);

  const CrewOptions options_;
  const PasswordHasher& hasher_;
  const Handlers handlers_;
  Metrics& metrics_;
  Counter hashing_refused_;
  Counter deliveries_dropped_;
  Histogram batch_requests_;
  Histogram batch_seconds_;
  Wakeup wakeup_;
  BeforeBlock before_block_;

  std::map<std::uint16_t, Lane> lanes_;
  std::array<Desks, rooms> desks_;
  std::vector<Answered> refused_;             // of this turn
  std::vector<CourierTask> courier_arrived_;  // of this turn
  bool dropping_ = false;
  Stores courier_stores_;
  std::unique_ptr<Courier> courier_;
  std::unique_ptr<CourierThread> courier_thread_;
};

}  // namespace parley
