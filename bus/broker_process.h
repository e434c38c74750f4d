// The shell around Broker: its sockets, clock, log and metrics. Thread: the loop's.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/loop.h"
#include "base/metrics.h"
#include "base/result.h"
#include "bus/broker_types.h"
#include "bus/endpoint.h"

namespace parley {

// For tcp:// endpoints.
struct BrokerKeys {
  CurveKeyPair own;
  std::string allowed_file;  // the allow-list (key_list.h); read again when it changes
};

struct BrokerProcessOptions {
  BrokerOptions broker;
  std::vector<std::string> gateways;  // endpoints to bind for gateways: ipc:// or tcp://
  std::vector<std::string> workers;   // and for workers
  std::optional<BrokerKeys> keys;     // with them every tcp:// endpoint is encrypted
  PlainTcp plain_tcp = PlainTcp::refused;  // without them
  unsigned ipc_mode = 0600;           // of the files of ipc:// endpoints
  // To one gateway, waiting because it does not read. More are dropped: a lost reply is asked for again,
  // a lost delivery is found by its number.
  int gateway_messages_max = 50'000;
  Duration drain_limit = 10s;
};

class BrokerProcess {
 public:
  // Binds everything. io: an address is in use or cannot be bound. config: tcp:// without keys, or
  // the allow-list cannot be used.
  static Result<std::unique_ptr<BrokerProcess>> start(Loop& loop, BrokerProcessOptions options,
                                                      Metrics& metrics);
  ~BrokerProcess();

  // Sends gateways elsewhere and finishes what is held; stops the loop when that is done or
  // options.drain_limit has passed. An operator's command does the same.
  void drain();
  // Reads the allow-list now; otherwise a change is taken within a second.
  void reload_keys();
  // As bound, with the ports that the kernel chose.
  const std::vector<std::string>& gateway_endpoints() const;
  const std::vector<std::string>& worker_endpoints() const;

 private:
  struct Impl;
  explicit BrokerProcess(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace parley
