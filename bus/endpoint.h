// Where a peer finds its brokers, as its configuration says it:
//
//   ipc:///run/parley/broker-1.gateways    on this host, behind the file's mode
//   tcp://10.0.0.5:7101 PUBLICKEY          encrypted; the broker must have that key, we show ours
//   tcp://10.0.0.5:7101                    in clear: only with bus.tcp_without_keys
//
// An endpoint that exists is usable: it has both keys, or needs none.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/config.h"
#include "base/result.h"
#include "bus/curve.h"

namespace parley {

struct BusEndpoint {
  std::string address;               // for ZeroMQ
  std::optional<CurveClient> curve = {};  // nothing: not encrypted
  friend bool operator==(const BusEndpoint&, const BusEndpoint&) = default;
};

// The keys of section "bus" that every peer has.
struct BusSettings {
  std::vector<std::string> brokers = {};
  std::string key_file = {};
  bool tcp_without_keys = false;

  // Must outlive `config`. `side`: "gateway" or "worker".
  void declare(Config& config, const std::string& side);
};

enum class PlainTcp { refused, allowed };

// config: not an endpoint, or tcp:// without what `plain` demands.
Result<BusEndpoint> parse_bus_endpoint(std::string_view text,
                                       const std::optional<CurveKeyPair>& own, PlainTcp plain);
// Reads the key file, if one is named. config: as above, nothing in the list, or see load_key_pair.
Result<std::vector<BusEndpoint>> load_bus_endpoints(const BusSettings& settings);

}  // namespace parley
