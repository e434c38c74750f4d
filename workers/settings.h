// The configuration of parley-worker: each key in one list, its default beside it.
#pragma once

#include <string>
#include <vector>

#include "base/config.h"
#include "bus/endpoint.h"
#include "store/options.h"
#include "workers/password_hash.h"
#include "workers/runner.h"

namespace parley {

struct WorkerSettings {
  std::string name = "worker-1";
  std::uint64_t executors = 2;
  std::uint64_t session_executors = 1;
  std::uint64_t business_executors = 1;
  std::uint64_t batch_max = 512;
  std::uint64_t credit_messages = 1'024;
  std::uint64_t credit_mib = 8;
  BusSettings bus{.brokers = {"ipc:///run/parley/broker-1.workers"}};
  StoreOptions store{.database_url = "postgresql:///parley?user=parley_app",
                     .redis_url = "unix:///run/parley/redis.sock"};
  LoginOptions login;
  HashCost hash_cost;
  std::uint64_t hash_threads = 0;
  std::uint64_t sweep_ms = 200;
  std::uint64_t keep_hours = 168;
  std::uint64_t keep_max = 10'000'000;
  std::string metrics_listen;

  void declare(Config& config);
  RunnerOptions runner_options(std::vector<ServiceId> services,
                               std::vector<BusEndpoint> endpoints) const;
};

}  // namespace parley
