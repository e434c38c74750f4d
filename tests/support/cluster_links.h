// A link of a fault proxy for each way that there is in a Cluster, and the configuration that makes its
// processes use them. tests/support/cluster.h says how they are named.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "cli/family.h"
#include "tests/support/fault_proxy.h"

namespace parley::test {

class ClusterLinks {
 public:
  // After the family was laid out, before anything of it starts.
  ClusterLinks(std::uint64_t seed, const DataDirectory& data, const Family& family);

  FaultProxy& proxy() { return proxy_; }
  // What overrides that process' configuration; nothing if it connects to nobody.
  void add_to(std::vector<std::string>& environment, const std::string& process) const;
  // Where clients reach them.
  const std::vector<std::string>& gateways() const { return gateways_; }

 private:
  // Adds a link that listens beside the data directory's own sockets; its path.
  std::string add(const std::string& link, const StreamAddress& target);
  void add_brokers(const std::string& process, const std::string& door);
  void add_servers(const std::string& process);

  const DataDirectory& data_;
  const Family& family_;
  FaultProxy proxy_;
  unsigned sockets_ = 0;
  std::map<std::string, std::vector<std::string>> environment_;  // by process
  std::vector<std::string> gateways_;
};

}  // namespace parley::test
