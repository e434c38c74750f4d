// Everything that can be configured about a gateway, with its defaults, and the one list of its keys.
#pragma once

#include <string>
#include <vector>

#include "base/config.h"
#include "bus/endpoint.h"
#include "gateway/admission.h"
#include "gateway/connection.h"
#include "gateway/listener.h"
#include "gateway/route_reporter.h"

namespace parley {

struct GatewaySettings {
  std::string name = "gateway-1";
  std::vector<std::string> listen = {"127.0.0.1:7100"};
  std::string port_file;
  std::vector<std::string> key_files;
  BusSettings bus{.brokers = {"ipc:///run/parley/broker-1.gateways"}};
  std::string metrics_listen;
  bool reuse_port = false;

  AdmissionLimits admission;
  QueueLimits queue;
  Rate accepts{10'000, 500};
  Rate handshakes{1'000, 2'000};
  Rate frames{20, 40};
  Rate messages{10, 30};    // per user
  Rate finds{30, 30, 60s};  // per user
  std::uint64_t strikes_max = 3;
  std::uint64_t in_flight_max = 64;
  std::uint64_t first_byte_ms = 3'000;
  std::uint64_t handshake_ms = 5'000;
  std::uint64_t login_ms = 10'000;
  std::uint64_t idle_ms = 90'000;
  std::uint64_t write_ms = 10'000;
  std::uint64_t drain_spread_ms = 2'000;
  std::uint64_t drain_ms = 10'000;
  ReportRule reports;
};

// Declares every key. `settings` must outlive `config`.
void declare(Config& config, GatewaySettings& settings);
// What no range of a single key can say. config: which keys do not fit together.
Status check(const GatewaySettings& settings);

}  // namespace parley
