// A whole Parley of a test's own: real processes from PARLEY_TEST_BIN, laid out as `parley up` does it (cli/family.h),
// in a temporary directory, on unix sockets and a free port. Nothing is started again unless the test
// says so: a test decides about faults.
//
//   Cluster cluster({.workers = 3});
//   cluster.kill9("worker-2");
//   cluster.start("worker-2");
//   ASSERT_TRUE(cluster.wait_ready());
//
// Names: postgres, redis, broker-1 …, worker-1 …, gateway-1 …
// Its end stops everything in order and fails the test if a process ended by itself, did not stop in time,
// or logged an error that was not announced. A test program that crashes leaves no process behind, and
// its directory to the next Cluster, which removes it.
// Any thread. A call that cannot do what it says fails the test.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "tests/support/fault_proxy.h"

namespace parley::test {

// Whether processes and clients reach each other themselves or through a fault proxy.
enum class Links { direct, proxied };

struct ClusterOptions {
  unsigned brokers = 2;
  unsigned workers = 2;
  unsigned gateways = 1;
  std::vector<std::string> services = {"all"};  // that its workers serve
  // Whether brokers can be reached over tcp, too, encrypted, by those that allow() has let in.
  bool business = false;
  // "PARLEY_LIMITS_FRAMES_PER_SECOND=0": overrides of their configuration.
  std::vector<std::string> broker_environment = {};
  std::vector<std::string> worker_environment = {};
  std::vector<std::string> gateway_environment = {};
  // proxied: a link for each pair: "gateway-1/broker-2", "worker-1/broker-2", "worker-1/postgres",
  // "worker-1/redis", "clients/gateway-1". Tools and tests that look inside do not pass it; business systems neither.
  Links links = Links::direct;
  std::uint64_t links_seed = 1;
};

class Cluster {
 public:
  explicit Cluster(const ClusterOptions& options = {});
  ~Cluster();
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  // Whether everything came up; ASSERT it first.
  bool ready() const;
  // Whether all that is started is registered with every broker that is started.
  bool wait_ready(Duration limit = std::chrono::seconds(20));

  // -- faults. stop and cont: SIGSTOP and SIGCONT.
  void kill9(const std::string& name);
  void stop(const std::string& name);
  void cont(const std::string& name);
  // The orderly way out; waits for the end, which must be a success.
  void terminate(const std::string& name);
  // After kill9 or terminate. A server answers when it returns.
  void start(const std::string& name);
  bool is_running(const std::string& name);
  // 0 if it does not run: the proof that a fault took hold.
  std::int64_t pid(const std::string& name);

  // With Links::proxied. Its end heals all links before it stops the processes.
  FaultProxy& proxy();

  // -- how to reach it; with Links::proxied, gateways by their links
  const std::string& data() const;          // the data directory
  std::string gateway(unsigned index = 0) const;  // "127.0.0.1:40123"
  const std::vector<std::string>& gateways() const;
  const std::string& pin() const;
  const std::vector<std::string>& broker_endpoints() const;
  std::string database_url() const;   // of the workers' role
  std::string superuser_url() const;  // of the one that may do everything

  // -- with ClusterOptions::business. "tcp://127.0.0.1:40124 PUBLICKEY", one a broker.
  const std::vector<std::string>& business_endpoints() const;
  // A new pair that brokers let in, as role ("business", "admin" …) under that name; the file it is in.
  // Returns when every broker that runs has taken the list.
  std::string allow(const std::string& role, const std::string& name);
  void revoke(const std::string& key_file);

  // -- looking inside
  using Rows = std::vector<std::vector<std::string>>;
  // As superuser; NULL is "".
  Rows sql(const std::string& statement);
  // One command; its reply as text.
  std::string redis(const std::vector<std::string>& words);
  // Everything that a process has logged so far.
  std::string log(const std::string& name) const;
  // A counter or gauge of a process whose environment has "PARLEY_METRICS_LISTEN=127.0.0.1:0", all
  // its labels added up.
  double metric(const std::string& name, const std::string& metric) const;
  // This error-level event may be logged.
  void announce(const std::string& event);
  // From now on no end of this process is unexpected.
  void expect_exit(const std::string& name);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace parley::test
