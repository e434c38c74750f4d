// A bus in one thread: real ZeroMQ sockets over ipc, brokers, publishers and consumers on one loop.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/loop.h"
#include "base/metrics.h"
#include "bus/broker_process.h"
#include "bus/consumer.h"
#include "bus/publisher.h"
#include "tests/support/eventually.h"

namespace parley::test {

// Turns the loop until `condition` holds or `limit` (times slowness()) has passed; whether it holds.
inline bool run_until(Loop& loop, Duration limit, const std::function<bool()>& condition) {
  const Instant deadline = monotonic_now() + limit * slowness();
  Timer poll(loop, [&] {
    if (condition() || monotonic_now() > deadline) loop.stop();
  });
  poll.every(1ms);
  loop.run();
  return condition();
}

class TempDir {
 public:
  TempDir() {
    std::string pattern = (std::filesystem::temp_directory_path() / "parley-bus-XXXXXX").string();
    path_ = mkdtemp(pattern.data());
  }
  ~TempDir() { std::filesystem::remove_all(path_); }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// A worker that answers every request with its own body; it can be told to hold its answers back.
struct EchoWorker {
  EchoWorker(Loop& loop, Metrics& metrics, const std::string& name,
             const std::vector<std::string>& brokers, std::uint32_t credit = 1'024)
      : EchoWorker(loop, metrics, name, *load_bus_endpoints({.brokers = brokers}), credit) {}
  EchoWorker(Loop& loop, Metrics& metrics, const std::string& name,
             const std::vector<BusEndpoint>& brokers, std::uint32_t credit = 1'024)
      : consumer(loop,
                 {.instance = name,
                  .brokers = brokers,
                  .services = {ServiceId::c2c},
                  .credit_messages = credit},
                 {.on_request =
                      [this](BusRequest request) {
                        seen.push_back(request.header);
                        if (log != nullptr) log->push_back(request.header);
                        if (holds) held.push_back(std::move(request));
                        else answer(request);
                      },
                  .on_unreachable =
                      [this](InstanceId gateway, std::string_view body) {
                        unreachable.emplace_back(gateway, std::string(body));
                      },
                  .is_alive = [this] { return alive; }},
                 metrics) {}

  void answer(const BusRequest& request) { consumer.reply(request, {}, request.body); }

  bool holds = false;
  bool alive = true;
  std::vector<BusRequest> held;
  std::vector<EnvelopeHeader> seen;
  std::vector<EnvelopeHeader>* log = nullptr;  // of several workers together
  std::vector<std::pair<InstanceId, std::string>> unreachable;
  Consumer consumer;
};

// A gateway that remembers what it was told.
struct Asker {
  Asker(Loop& loop, Metrics& metrics, const std::string& name,
        const std::vector<std::string>& brokers, Duration timeout = 10s)
      : Asker(loop, metrics, name, *load_bus_endpoints({.brokers = brokers}), timeout) {}
  Asker(Loop& loop, Metrics& metrics, const std::string& name,
        const std::vector<BusEndpoint>& brokers, Duration timeout = 10s)
      : publisher(loop,
                  {.instance = name,
                   .brokers = brokers,
                   .request_timeout = timeout},
                  {.on_reply =
                       [this](const EnvelopeHeader& header, std::string_view body) {
                         ++answers[header.id.number];
                         if (header.error != 0) errors.push_back(static_cast<Errc>(header.error));
                         bodies[header.id.number] = body;
                       },
                   .on_delivery =
                       [this](const EnvelopeHeader&, std::string_view body) {
                         deliveries.emplace_back(body);
                       },
                   .on_connected = [this] { ++connects; }},
                  metrics) {}

  std::uint64_t ask(std::uint64_t key, std::string_view body) {
    const auto number = publisher.publish(
        {.verb = static_cast<std::uint16_t>(Verb::c2c_send), .key = key}, body);
    EXPECT_TRUE(number.has_value());
    return number.value_or(0);
  }

  std::map<std::uint64_t, int> answers;
  std::map<std::uint64_t, std::string> bodies;
  std::vector<Errc> errors;
  std::vector<std::string> deliveries;
  int connects = 0;
  Publisher publisher;
};

struct Rig {
  // Each broker binds two ipc endpoints in the rig's directory.
  BrokerProcessOptions broker_options(const std::string& name) {
    BrokerProcessOptions options;
    options.broker.name = name;
    options.gateways = {gateway_endpoint(name)};
    options.workers = {worker_endpoint(name)};
    return options;
  }
  std::string gateway_endpoint(const std::string& broker) const {
    return "ipc://" + dir.path() + "/" + broker + ".gateways";
  }
  std::string worker_endpoint(const std::string& broker) const {
    return "ipc://" + dir.path() + "/" + broker + ".workers";
  }
  std::unique_ptr<BrokerProcess> start_broker(const std::string& name) {
    auto broker = BrokerProcess::start(loop, broker_options(name), metrics);
    EXPECT_TRUE(broker.has_value()) << broker.error().detail;
    return broker ? *std::move(broker) : nullptr;
  }

  TempDir dir;
  Loop loop;
  Metrics metrics;
};

}  // namespace parley::test
