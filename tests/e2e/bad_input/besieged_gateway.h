// A Parley of real processes whose gateway everybody attacks, and the proof that nobody else noticed: after each
// attack somebody on a fresh connection is served, by the same processes, with no more memory and files
// than before, and the logs have nothing in them that a terminal would obey.
#pragma once

#include <gmock/gmock.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "proto/login.pb.h"
#include "tests/integration/gateway/socket_client.h"
#include "tests/support/cluster.h"
#include "tests/support/eventually.h"

namespace parley::test {

// Somebody with a device, by what its last login has left.
struct Account {
  std::string name;
  UserId user;
  DeviceId device;
  wire::DeviceClass device_class = wire::DEVICE_CLASS_PC;
  std::string device_token;
  std::string access_token;
};

// "reply", the name of the error that was answered, or "closed": nothing came any more. Of a close frame:
// "close " and its error.
std::string outcome_of(const std::optional<GotFrame>& frame);

class BesiegedGateway {
 public:
  static constexpr const char* password = "correct horse battery";
  // Hashing costs nothing, and nothing is counted by address or per second: a test of a limit says so.
  static ClusterOptions without_rates();
  // Its processes as they are by default, but for what hashing costs.
  static ClusterOptions by_default();

  explicit BesiegedGateway(const ClusterOptions& options);

  bool ready() const { return cluster_.ready(); }
  Cluster& cluster() { return cluster_; }
  std::uint16_t port() const { return port_; }
  const ServerKey& pin() const { return pin_; }

  SocketClient connect(std::uint32_t source = 0) {
    return SocketClient(port_, {.source = source, .server = pin_});
  }
  // With its handshake done.
  SocketClient shaken();
  // On a connection of its own.
  Account sign_up(const std::string& stem);
  // With the password; as another device of the account, if it names one.
  bool log_in(SocketClient& client, Account& account);
  // With the access token, which it renews.
  bool log_in_quickly(SocketClient& client, Account& account);
  // A connection on which the account is logged in.
  SocketClient at(Account& account);

  std::map<std::string, std::int64_t> pids();
  std::size_t memory();  // bytes of the gateway's
  std::size_t open_files();

 private:
  Cluster cluster_;
  std::uint16_t port_ = 0;
  ServerKey pin_;
};

// The answer, whatever notices come before it.
std::optional<GotFrame> answer_to(SocketClient& client, Verb verb, std::string_view body,
                                  std::uint64_t target = 0);
std::optional<GotFrame> answer_to(SocketClient& client, std::uint16_t verb, std::string_view body,
                                  std::uint64_t target = 0);
inline std::string outcome(SocketClient& client, Verb verb, std::string_view body,
                           std::uint64_t target = 0) {
  return outcome_of(answer_to(client, verb, body, target));
}

std::string password_body(const std::string& name, const std::string& password,
                          const Account& account);
std::string send_body(const std::string& text, const std::string& client_id = {});

// One Parley for all tests of a program. The rest of each test is the attack.
class BadClient : public testing::Test {
 protected:
  static void SetUpTestSuite();
  static void TearDownTestSuite();
  void SetUp() override;
  // Nobody else has noticed.
  void TearDown() override;

  BesiegedGateway& gateway();
  // Somebody on a fresh connection is served. After every row of a table.
  void expect_served();
  // Members of one conversation, who attack or are attacked.
  Account& alice();
  Account& bob();
  std::uint64_t conversation();

  // What a single attack may cost for good.
  std::size_t memory_growth_max = 8 << 20;

 private:
  void expect_harmless_logs();

  std::size_t memory_before_ = 0;
  std::size_t files_before_ = 0;
};

}  // namespace parley::test
