// The processes of one Parley on one machine: what `parley up` starts, in which order, with which
// configuration. Used by the tests' Cluster too, so that what they try is what people run.
#pragma once

#include <csignal>
#include <memory>
#include <string>
#include <vector>

#include "cli/data_directory.h"
#include "cli/listen_address.h"
#include "cli/private_servers.h"
#include "cli/spawn.h"
#include "cli/supervisor.h"

namespace parley {

struct FamilyOptions {
  unsigned brokers = 2;
  unsigned workers = 2;
  unsigned gateways = 1;
  // Where the first gateway listens; further ones take the ports after it. Port 0: any free ones, which
  // they keep as long as the family lives.
  std::string listen = "127.0.0.1:7100";
  // Where business systems on other machines reach the first broker, further ones on the ports after it;
  // encrypted, for keys of <data>/keys/allowed_keys. Empty: nowhere.
  std::string business = {};
  std::string programs;  // the folder of our programs
};

// The servers of a data directory.
PrivatePostgres postgres_in(const std::string& data);
PrivateRedis redis_in(const std::string& data);
// "postgres", "redis"; null: neither.
std::unique_ptr<PrivateServer> private_server_named(const std::string& name,
                                                    const std::string& data);

struct Member {
  Supervisor::Child child;
  Program program;
  std::string log;
  int stop_signal = SIGTERM;
  const PrivateServer* server = nullptr;  // one is ready when it answers; the others at once
};

class Family {
 public:
  // Writes the key (once), configuration and everything else that members() need to start.
  // config: an option makes no sense. conflict: a port is taken.
  static Result<Family> lay_out(const DataDirectory& data, const FamilyOptions& options);

  // In the order of their stages.
  const std::vector<Member>& members() const { return members_; }
  // "127.0.0.1:7100", one a gateway.
  const std::vector<std::string>& gateways() const { return gateways_; }
  // "1:<64 hex digits>", what clients pin.
  const std::string& pin() const { return pin_; }
  // ZeroMQ endpoints that answer `status`.
  const std::vector<std::string>& broker_endpoints() const { return broker_endpoints_; }
  // "tcp://127.0.0.1:7200 PUBLICKEY", one a broker, for business systems; none without that option.
  const std::vector<std::string>& business_endpoints() const { return business_endpoints_; }
  // Names of the peers that brokers know once everything is up.
  std::vector<std::string> bus_peers() const;
  // Of the workers' role, and of the one that may do everything.
  std::string database_url() const;
  std::string superuser_url() const;
  std::string redis_url() const { return redis_->url(); }

 private:
  Family(const DataDirectory& data, const FamilyOptions& options);
  Status make_key(const DataDirectory& data);
  Status take_ports();
  Result<std::vector<std::string>> take_addresses(const std::string& first, unsigned count);
  Status admit_business(const DataDirectory& data);
  Status add_brokers(const DataDirectory& data);
  std::string broker_config(const DataDirectory& data, unsigned index) const;
  Status add_workers(const DataDirectory& data);
  Status add_gateways(const DataDirectory& data);
  void add_servers(const DataDirectory& data);
  void add_ready_check(const DataDirectory& data);
  void add(const DataDirectory& data, Supervisor::Child child, Program program);
  Program ours(const DataDirectory& data, const std::string& program,
               const std::string& name) const;

  FamilyOptions options_;
  std::unique_ptr<PrivatePostgres> postgres_;
  std::unique_ptr<PrivateRedis> redis_;
  std::vector<Member> members_;
  std::vector<HeldPort> ports_;  // while a process is down nobody else is given its port
  std::vector<std::string> gateways_;
  std::vector<std::string> broker_endpoints_;   // gateways' side
  std::vector<std::string> broker_workers_;     // workers' side
  std::vector<std::string> business_;            // addresses, one a broker
  std::vector<std::string> business_endpoints_;  // the same as endpoints, with the key
  std::string pin_;
};

}  // namespace parley
