#include "workers/process.h"

#include <cstdio>
#include <optional>

#include "base/log.h"
#include "base/process.h"
#include "base/random.h"
#include "proto/protobuf_log.h"
#include "workers/settings.h"
#include "workers/start_gate.h"

namespace parley {
namespace {

int refuse(const Error& error, int code) {
  log::error("worker.refused", {{"code", error.code}, {"detail", error.detail}});
  std::fprintf(stderr, "parley-worker: %s\n", error.detail.c_str());
  return code;
}

void warn_of_cheap_hashes(const HashCost& cost) {
  if (cost.memory_kib < hash_cost_advised.memory_kib ||
      cost.operations < hash_cost_advised.operations)
    log::warn("login.hash_is_cheap",
              {{"memory_kib", cost.memory_kib}, {"operations", cost.operations}});
}

int serve(const WorkerSettings& settings, const std::vector<ServiceId>& services,
          const PasswordHasher& hasher, const Backends& backends) {
  const auto brokers = load_bus_endpoints(settings.bus);
  if (!brokers) return refuse(brokers.error(), exit_config);
  int exit_code = exit_ok;
  Metrics metrics;
  if (!settings.metrics_listen.empty()) {
    if (const Status exposed = metrics.expose(settings.metrics_listen); !exposed)
      return refuse(exposed.error(), exit_runtime);
  }
  Loop loop;
  std::optional<Runner> runner;
  StartGate gate(loop,
                 {.check = [&] { return backends.check(settings.store); },
                  .open =
                      [&] {
                        runner.emplace(
                            loop, settings.runner_options(services, *brokers),
                            [&] { return backends.connect(settings.store); }, hasher, metrics);
                        log::info("worker.started", {{"name", settings.name}});
                      },
                  .refused =
                      [&](const Error& error) {
                        exit_code = refuse(error, exit_config);
                        loop.stop();
                      }},
                 Random(secure_random_id()), {});
  TerminationSignal terminate(loop, [&] { runner ? runner->drain() : loop.stop(); });
  loop.run();
  return exit_code;
}

}  // namespace

int run_worker(int argc, char** argv, const Backends& backends) {
  silence_protobuf();
  WorkerSettings settings;
  Config config;
  settings.declare(config);
  std::vector<std::string> names;
  const ProcessInfo info{.name = "parley-worker",
                         .purpose = "Serves services (NAME… or all) to the gateways on the bus."};
  return run_process(argc, argv, info, config, &names, [&] {
    const auto services = services_named(names);
    if (!services) return refuse(services.error(), exit_usage);
    const auto hasher = Argon2idHasher::make(settings.hash_cost);
    if (!hasher) return refuse(hasher.error(), exit_config);
    warn_of_cheap_hashes(settings.hash_cost);
    return serve(settings, *services, *hasher, backends);
  });
}

}  // namespace parley
