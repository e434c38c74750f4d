#include "workers/settings.h"

#include <algorithm>
#include <thread>

namespace parley {

void WorkerSettings::declare(Config& config) {
  config.text("worker.name", &name, "Lasting name, unique on the bus.");
  config.number("worker.executors", &executors, 1, 64,
                "Threads that carry out requests, each with a database connection of its own.");
  config.number("worker.session_executors", &session_executors, 1, 64,
                "The same for logins with a token, logouts and profiles.");
  config.number("worker.business_executors", &business_executors, 1, 64,
                "The same for what business systems ask.");
  config.number("worker.batch_max", &batch_max, 1, 10'000,
                "Requests that an executor takes at once.");
  config.number("worker.credit_messages", &credit_messages, 1, 100'000,
                "Unanswered requests that each broker may have here.");
  config.number("worker.credit_mib", &credit_mib, 1, 1'024, "Their size, likewise.");
  bus.declare(config, "worker");
  config.text("database.url", &store.database_url,
              "PostgreSQL (libpq URL), as role parley_app; the password comes from PGPASSFILE.");
  config.text("redis.url", &store.redis_url, "Redis: unix:///path or redis://host:port.");
  config.flag("login.registration", &login.registration, "Whether anybody may open an account.");
  config.number("login.registrations_per_hour", &login.registrations_per_hour, 0, 1'000'000,
                "Accounts that one network address may open; 0: no bound. This host is not bound.");
  config.number("login.failures_per_hour", &login.failures_per_hour, 0, 1'000'000,
                "Wrong passwords from one network address; 0: no bound. This host is not bound.");
  config.number(
      "login.logins_per_hour", &login.logins_per_hour, 0, 1'000'000,
      "Passwords, right or wrong, from one network address; 0: no bound. This host is not "
      "bound.");
  config.number("login.hash_operations", &hash_cost.operations, 1, 100, "Argon2id: passes.");
  config.number("login.hash_memory_kib", &hash_cost.memory_kib, 8, 4'194'304,
                "Argon2id: memory of each hash.");
  config.number("login.hash_threads", &hash_threads, 0, 64,
                "Passwords hashed at once; 0: one per core. Never more than one per core.");
  config.number("login.requests_in_flight", &login.requests_in_flight_max, 1, 10'000,
                "Told to clients at login; as in the gateways' configuration.");
  config.number("login.ping_every_ms", &login.ping_every_ms, 1'000, 3'600'000,
                "Told to clients at login; as in the gateways' configuration.");
  config.number("events.sweep_ms", &sweep_ms, 10, 60'000,
                "How long an event may take to reach the outbox.");
  config.number("events.keep_hours", &keep_hours, 1, 87'600,
                "Older events are removed, whether or not a subscriber has acknowledged them.");
  config.number("events.keep_max", &keep_max, 1'000, 1'000'000'000,
                "Beyond so many events the oldest are removed, likewise.");
  config.text("metrics.listen", &metrics_listen,
              "Address for Prometheus, like 127.0.0.1:9102; empty: none.");
}

RunnerOptions WorkerSettings::runner_options(std::vector<ServiceId> services,
                                             std::vector<BusEndpoint> endpoints) const {
  const std::size_t cores = std::max(1U, std::thread::hardware_concurrency());
  RunnerOptions options;
  options.name = name;
  options.credit_messages = static_cast<std::uint32_t>(credit_messages);
  options.credit_bytes = static_cast<std::uint32_t>(credit_mib << 20);
  options.crew.services = std::move(services);
  options.crew.executors = executors;
  options.crew.clerks = session_executors;
  options.crew.hashers = hash_threads == 0 ? cores : std::min<std::size_t>(hash_threads, cores);
  options.crew.business = business_executors;
  options.crew.batch_max = batch_max;
  options.sweep.every = std::chrono::milliseconds(sweep_ms);
  options.sweep.keep_ms = static_cast<std::int64_t>(keep_hours) * 3'600'000;
  options.sweep.keep_max = keep_max;
  options.crew.brokers = endpoints.size();
  options.brokers = std::move(endpoints);
  options.crew.login = login;
  return options;
}

}  // namespace parley
