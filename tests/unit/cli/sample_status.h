// Statuses of brokers, as tests of the operator's reports need them.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "cli/load.h"

namespace parley::test {

inline wire::BrokerStatus broker_status(const std::string& name, std::uint64_t boot = 1) {
  wire::BrokerStatus status;
  status.set_name(name);
  status.set_boot(boot);
  return status;
}

inline wire::BrokerStatus::Service& add_service(wire::BrokerStatus& status, const std::string& name,
                                                unsigned workers = 1) {
  auto& service = *status.add_services();
  service.set_name(name);
  service.set_workers(workers);
  return service;
}

inline wire::BrokerStatus::Peer& add_peer(wire::BrokerStatus& status, const std::string& name,
                                          wire::PeerRole role, std::uint64_t boot = 1) {
  auto& peer = *status.add_peers();
  peer.set_name(name);
  peer.set_role(role);
  peer.set_boot(boot);
  return peer;
}

inline wire::BrokerStatus::Peer& add_worker(wire::BrokerStatus& status, const std::string& name,
                                            const std::vector<std::string>& services = {"c2c"}) {
  auto& peer = add_peer(status, name, wire::PEER_ROLE_WORKER);
  for (const std::string& service : services) peer.add_services(service);
  return peer;
}

inline BrokerAnswer answer_of(const wire::BrokerStatus& status) {
  return {"ipc:///" + status.name(), status};
}
inline BrokerAnswer silent(const std::string& name) {
  return {"ipc:///" + name, fail(Errc::retry_later, "ipc:///" + name + " does not answer")};
}

// A look at these brokers, so many seconds after some beginning.
inline Sample sample_at(int seconds, std::vector<BrokerAnswer> answers) {
  return {.at = Instant{} + std::chrono::seconds(seconds), .answers = std::move(answers)};
}

}  // namespace parley::test
