// People with devices, all on one loop, for tests that talk to a Cluster as its users do.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <csignal>
#include <memory>
#include <optional>
#include <string>

#include "base/loop.h"
#include "base/random.h"
#include "client/memory_log.h"
#include "client/sync_client.h"
#include "proto/limits.h"
#include "tests/support/cluster.h"

namespace parley::test {

using namespace std::chrono_literals;

constexpr Duration soon = 15s;  // ample for what takes milliseconds, on a busy machine

struct World {
  explicit World(const Cluster& cluster) : World(cluster.gateways(), cluster.pin()) {}
  World(const std::vector<std::string>& gateways, const std::string& pin) {
    init_crypto();
    std::signal(SIGPIPE, SIG_IGN);  // as in every process of ours: a lost connection is an error
    for (const std::string& gateway : gateways)
      session.gateways.push_back(client::parse_endpoint(gateway).value());
    session.backoff_base = 50ms;
    session.backoff_cap = 500ms;
    server = client::parse_pin(pin).value();
  }

  Loop loop;
  client::Network network{loop};
  client::SessionOptions session;
  PinnedKey server;
};

inline std::string unique_name(const std::string& stem) {
  return fmt::format("{}-{:010x}", stem, secure_random_id() >> 24);
}

// A device of somebody: its log stays while it is switched off.
class Device {
 public:
  static constexpr const char* password = "correct horse battery";

  Device(World& world, std::string name, client::DeviceClass kind = client::DeviceClass::pc)
      : world_(world), name_(std::move(name)), kind_(kind) {}

  Status sign_up() { return log_in(password, client::Account::create); }
  Status log_in(const std::string& secret, client::Account account = client::Account::existing) {
    client_.reset();
    client::ClientOptions options;
    options.session = world_.session;
    options.conversations.receipt_every = 50ms;
    client_.emplace(world_.network, world_.server, options,
                    client::Credentials{.name = name_, .password = secret, .device_class = kind_,
                                        .account = account, .nickname = {}},
                    &log_);
    PARLEY_CHECK(client_->start(soon));
    user_ = client_->client().user();
    return {};
  }
  // With what an earlier login has left, or with nothing.
  Status come_back() { return log_in(""); }
  void switch_off() { client_.reset(); }

  client::SyncClient* operator->() { return &*client_; }
  client::Client& client() { return client_->client(); }
  client::MemoryLog& log() { return log_; }
  const std::string& name() const { return name_; }
  UserId user() const { return user_; }

  // Numbers of the conversation's entries in the device's own log.
  std::vector<std::uint64_t> numbers(const Device& peer) {
    std::vector<std::uint64_t> numbers;
    const auto entries = log_.entries(direct_conversation(user_, peer.user_), Seq{}, 10'000);
    for (const client::Entry& entry : *entries) numbers.push_back(entry.seq.value);
    return numbers;
  }

 private:
  World& world_;
  std::string name_;
  client::DeviceClass kind_;
  client::MemoryLog log_;
  std::optional<client::SyncClient> client_;
  UserId user_;
};

// Waits for the device's next message and compares its text.
inline void expect_message(Device& device, const std::string& text, int line = __builtin_LINE()) {
  const auto entry = device->receive(soon);
  if (entry) EXPECT_EQ(entry->body, text) << "line " << line;
  else ADD_FAILURE() << "line " << line << ": " << entry.error().detail;
}

// A suite's tests share a cluster: starting one takes seconds.
class PeopleTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { cluster_ = std::make_unique<Cluster>(); }
  static void TearDownTestSuite() { cluster_.reset(); }

  void SetUp() override {
    ASSERT_TRUE(cluster_->ready());
    world_.emplace(*cluster_);
    alice_.emplace(*world_, unique_name("alice"));
    bob_.emplace(*world_, unique_name("bob"));
    const Status alice = alice_->sign_up();
    ASSERT_TRUE(alice) << name_of(alice.error().code) << ": " << alice.error().detail;
    const Status bob = bob_->sign_up();
    ASSERT_TRUE(bob) << name_of(bob.error().code) << ": " << bob.error().detail;
  }

  Cluster& cluster() { return *cluster_; }
  World& world() { return *world_; }
  Device& alice() { return *alice_; }
  Device& bob() { return *bob_; }
  ConversationId conversation() { return direct_conversation(alice().user(), bob().user()); }

 private:
  static inline std::unique_ptr<Cluster> cluster_;
  std::optional<World> world_;
  std::optional<Device> alice_;
  std::optional<Device> bob_;
};

}  // namespace parley::test
