// A business system at a Cluster's brokers, for tests that ask one thing after the other.
#pragma once

#include <optional>
#include <string>

#include "base/loop.h"
#include "bus/business_peer.h"
#include "client/sync_client.h"
#include "tests/support/cluster.h"

namespace parley::test {

class BusinessDesk {
 public:
  // With a key of its own; registered at every broker when this returns. Requires: ClusterOptions::business.
  BusinessDesk(Cluster& cluster, const std::string& name)
      : peer_(loop_,
              {.instance = name,
               .brokers = load_bus_endpoints({.brokers = cluster.business_endpoints(),
                                              .key_file = cluster.allow("business", name)})
                              .value()},
              metrics_) {
    peer_.start();
    const std::size_t brokers = cluster.business_endpoints().size();
    const auto registered = [&] { return peer_.brokers_up() == brokers; };
    EXPECT_TRUE(client::run_until(loop_, std::chrono::seconds(10), registered));
  }

  BusinessPeer& peer() { return peer_; }
  // What a worker answers, or the bus.
  Result<std::string> ask(Verb verb, const std::string& body) {
    std::optional<Result<std::string>> answer;
    const auto keep = [&](Result<std::string> got) { answer = std::move(got); };
    PARLEY_CHECK(peer_.ask(verb, 1, body, keep));
    client::run_until(loop_, std::chrono::seconds(10), [&] { return answer.has_value(); });
    if (!answer) return fail(Errc::disconnected, "no answer");
    return *std::move(answer);
  }

 private:
  Loop loop_;
  Metrics metrics_;
  BusinessPeer peer_;
};

}  // namespace parley::test
