// parley-gateway: clients' connections on one side, the bus on the other.
#include <malloc.h>

#include <algorithm>
#include <cstdio>
#include <fstream>

#include "base/log.h"
#include "base/process.h"
#include "gateway/key_file.h"
#include "gateway/publisher_bus.h"
#include "proto/protobuf_log.h"

namespace parley {
namespace {

int complain(const char* event, int code, const Error& error) {
  log::error(event, {{"why", error.detail}});
  return code;
}

Result<std::vector<ServerKey>> load_keys(const std::vector<std::string>& files) {
  std::vector<ServerKey> keys;
  for (const std::string& file : files) {
    PARLEY_TRY(const ServerKey key, load_key_file(file));
    keys.push_back(key);
  }
  if (keys.front().id == keys.back().id && keys.size() == 2)
    return fail(Errc::config, "the two keys need different ids");
  return keys;
}

// Complete or not at all: who waits for the file must not read half of it.
Status write_ports(const std::string& path, const std::vector<std::uint16_t>& ports) {
  if (path.empty()) return {};
  const std::string draft = path + ".new";
  std::ofstream file(draft, std::ios::trunc);
  for (const std::uint16_t port : ports) file << port << '\n';
  file.close();
  if (!file || std::rename(draft.c_str(), path.c_str()) != 0)
    return fail(Errc::io, "cannot write " + path);
  return {};
}

// glibc keeps what was freed below something that lives: what a crowd of slow readers has cost (measured: 145 of
// 168 MB) for ever.
constexpr Duration give_back_every = 5s;
constexpr std::size_t free_heap_max = 32 << 20;
// What is free and was there after the last time, pages given back or not, is no reason to look again: it takes
// all free chunks. Returns what is free now.
std::size_t give_free_heap_back(std::size_t free_before) {
  const std::size_t free_now = mallinfo2().fordblks;
  if (free_now <= free_before + free_heap_max) return std::min(free_before, free_now);
  malloc_trim(0);
  return mallinfo2().fordblks;
}

int serve(const GatewaySettings& settings) {
  if (const auto checked = check(settings); !checked)
    return complain("gateway.bad_configuration", exit_config, checked.error());
  init_crypto();
  silence_protobuf();
  const auto keys = load_keys(settings.key_files);
  if (!keys) return complain("gateway.bad_keys", exit_config, keys.error());
  const auto brokers = load_bus_endpoints(settings.bus);
  if (!brokers) return complain("gateway.bad_bus", exit_config, brokers.error());

  Loop loop;
  Metrics metrics;
  PublisherBus bus;
  Gateway gateway(loop, settings, *keys, bus, metrics);
  if (const auto listening = gateway.listen(); !listening)
    return complain("gateway.listen_failed",
                    listening.error().code == Errc::config ? exit_config : exit_runtime,
                    listening.error());
  if (!settings.metrics_listen.empty())
    if (const auto exposed = metrics.expose(settings.metrics_listen); !exposed)
      return complain("gateway.metrics_failed", exit_runtime, exposed.error());
  const auto leave = [&] {
    gateway.drain([&] {
      bus.close();
      loop.stop();
    });
  };
  bus.connect(loop, {.instance = settings.name, .brokers = *brokers}, gateway, leave,
              metrics);
  if (const auto written = write_ports(settings.port_file, gateway.ports()); !written)
    return complain("gateway.port_file_failed", exit_runtime, written.error());
  std::size_t free_heap = 0;
  Timer give_back(loop, [&] { free_heap = give_free_heap_back(free_heap); });
  give_back.every(give_back_every);
  TerminationSignal stop(loop, leave);
  loop.run();
  return exit_ok;
}

}  // namespace
}  // namespace parley

int main(int argc, char** argv) {
  parley::GatewaySettings settings;
  parley::Config config;
  parley::declare(config, settings);
  return parley::run_process(argc, argv,
                             {"parley-gateway", "Holds clients' connections and speaks to the bus"},
                             config, nullptr, [&] { return parley::serve(settings); });
}
