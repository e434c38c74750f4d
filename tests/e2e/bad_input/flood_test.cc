// Who is many, or says nothing, or never leaves (RELIABILITY §5.1, §5.2.5): memory stays bounded, and who wants to log
// in hardly notices.
#include <fmt/format.h>

#include <algorithm>

#include "base/process.h"
#include "base/random.h"
#include "proto/push.pb.h"
#include "tests/e2e/bad_input/besieged_gateway.h"
#include "tests/e2e/bad_input/business_desk.h"
#include "tests/e2e/bad_input/swarm.h"

namespace parley::test {
namespace {

constexpr std::size_t silent_connections = 10'000;
constexpr std::size_t silent_memory_max = 80 << 20;

// How people fared who logged in one after the other, each from an address of his own.
struct Logins {
  std::size_t tried = 0;
  std::size_t failed = 0;
  std::vector<Duration> took;

  Duration p99() {
    std::ranges::sort(took);
    return took.empty() ? Duration::max() : took[took.size() * 99 / 100];
  }
};

std::ostream& operator<<(std::ostream& out, Logins logins) {
  const Duration p99 = logins.p99();
  const Duration median =
      logins.took.empty() ? Duration::max() : logins.took[logins.took.size() / 2];
  const auto us = [](Duration d) {
    return std::chrono::duration_cast<std::chrono::microseconds>(d).count();
  };
  return out << logins.tried << " logins, " << logins.failed << " failed, median " << us(median)
             << " us, p99 " << us(p99) << " us";
}

Logins log_in_often(BesiegedGateway& gateway, Account& account, std::size_t times) {
  constexpr std::uint32_t first_address = (127U << 24) | (200U << 16) | 1;
  Logins logins;
  for (; logins.tried < times && logins.failed < 5; ++logins.tried) {
    const Instant start = monotonic_now();
    SocketClient client =
        gateway.connect(first_address + static_cast<std::uint32_t>(logins.tried % 200));
    if (gateway.log_in_quickly(client, account)) logins.took.push_back(monotonic_now() - start);
    else ++logins.failed;
  }
  return logins;
}

double held(BesiegedGateway& gateway) {
  return gateway.cluster().metric("gateway-1", "parley_gateway_pre_auth_connections");
}

void expect_hardly_noticed(Logins& before, Logins& during) {
  EXPECT_LE(during.failed * 100, during.tried) << during;
  EXPECT_LT(during.p99(), 2 * before.p99() + 20ms) << "before: " << before << "\nnow: " << during;
}

TEST(Flood, TenThousandSilentConnectionsAreHeldInEightyMebibytesAndHinderNobody) {
  raise_file_limit();
  ClusterOptions options = BesiegedGateway::by_default();
  for (const char* limit : {"PARLEY_LIMITS_PRE_AUTH_MAX=20000",
                            "PARLEY_LIMITS_CONNECTIONS_MAX=30000"})
    options.gateway_environment.push_back(limit);
  BesiegedGateway gateway(options);
  ASSERT_TRUE(gateway.ready());
  Account alice = gateway.sign_up("alice");
  log_in_often(gateway, alice, 100);
  Logins before = log_in_often(gateway, alice, 300);
  const std::size_t memory = gateway.memory();

  Swarm swarm({.port = gateway.port(),
               .connections = silent_connections,
               .opened_per_second = 9'000});
  ASSERT_TRUE(eventually(20s, [&] { return held(gateway) >= 0.98 * silent_connections; }))
      << held(gateway);
  const std::size_t grown = gateway.memory() - std::min(gateway.memory(), memory);
  Logins during = log_in_often(gateway, alice, 300);
  EXPECT_TRUE(eventually(5s, [&] { return held(gateway) >= 0.98 * silent_connections; }));
  EXPECT_LE(grown, silent_memory_max);
  expect_hardly_noticed(before, during);
  std::cout << "before: " << before << "\nduring: " << during << "\nheld: " << held(gateway)
            << ", opened " << swarm.opened() << ", memory: +" << grown / 1024 << " KiB\n";
}

TEST(Flood, SilentConnectionsBeyondTheDefaultLimitsAreTurnedAwayAndHinderNobody) {
  raise_file_limit();
  BesiegedGateway gateway(BesiegedGateway::by_default());
  ASSERT_TRUE(gateway.ready());
  Account alice = gateway.sign_up("alice");
  log_in_often(gateway, alice, 100);
  Logins before = log_in_often(gateway, alice, 300);
  const std::size_t memory = gateway.memory();

  Swarm swarm({.port = gateway.port(), .connections = silent_connections});
  EXPECT_TRUE(eventually(20s, [&] { return swarm.opened() >= 2 * silent_connections; }));
  Logins during = log_in_often(gateway, alice, 300);
  EXPECT_LE(held(gateway), 5'000);
  const std::size_t grown = gateway.memory() - std::min(gateway.memory(), memory);
  EXPECT_LE(grown, silent_memory_max);
  std::cout << "before: " << before << "\nduring: " << during << "\nheld: " << held(gateway)
            << ", opened " << swarm.opened() << ", memory: +" << grown / 1024 << " KiB\n";
  expect_hardly_noticed(before, during);
}

// 500 people who take nothing of what they are told, until the server loses patience.
struct SlowReaders {
  static constexpr std::size_t count = 500;
  static constexpr std::uint32_t first_address = (127U << 24) | (150U << 16) | 1;

  explicit SlowReaders(BesiegedGateway& gateway) {
    for (std::size_t i = 0; i < count; ++i) {
      if (i % 4 == 0) account = gateway.sign_up("slow");  // one has four devices
      account.device = DeviceId{account.device.value + 1};
      account.device_class = static_cast<wire::DeviceClass>(1 + i % 4);
      clients.push_back(std::make_unique<SocketClient>(
          gateway.port(),
          SocketClient::Options{.receive_buffer = 4'096,
                                .source = first_address + static_cast<std::uint32_t>(i % 100),
                                .server = gateway.pin()}));
      EXPECT_TRUE(gateway.log_in(*clients.back(), account));
    }
  }

  Account account;
  std::vector<std::unique_ptr<SocketClient>> clients;
};

TEST(Flood, WhoDoesNotReadCostsLittleMemoryForAWhileAndHindersNobody) {
  raise_file_limit();
  ClusterOptions options = BesiegedGateway::without_rates();
  options.business = true;
  BesiegedGateway gateway(options);
  ASSERT_TRUE(gateway.ready());
  BusinessDesk desk(gateway.cluster(), "news");
  SlowReaders readers(gateway);
  Account alice = gateway.sign_up("alice");
  log_in_often(gateway, alice, 100);
  Logins before = log_in_often(gateway, alice, 300);
  const std::size_t memory = gateway.memory();

  wire::PublishRequest push;
  push.set_publisher("news");
  push.set_keep(wire::KEEP_ONLINE_ONLY);
  push.set_everyone(true);
  push.set_body(std::string(16'000, 'x'));
  const auto counted = [&](const std::string& name) {
    return gateway.cluster().metric("gateway-1", "parley_gateway_" + name);
  };
  for (int i = 0; i < 60; ++i) {
    push.set_publish_id(fmt::format("{:016x}", secure_random_id()));
    const auto answer = desk.ask(Verb::push_publish, push.SerializeAsString());
    ASSERT_TRUE(answer) << name_of(answer.error().code);
  }
  // 60 to each, one of which is Alice: half of them and more do not fit.
  EXPECT_TRUE(eventually(8s, [&] { return counted("notices_total") >= 59 * SlowReaders::count; }));
  Logins during = log_in_often(gateway, alice, 300);
  const std::size_t grown = gateway.memory() - std::min(gateway.memory(), memory);
  EXPECT_GT(grown, SlowReaders::count * (200 << 10)) << "nothing was queued: nothing was tried";
  EXPECT_LE(grown, SlowReaders::count * (400 << 10));
  EXPECT_TRUE(eventually(20s, [&] { return counted("sessions") <= 1; }));
  EXPECT_TRUE(eventually(10s, [&] { return gateway.memory() <= memory + (40 << 20); }))
      << "what they have cost is kept";
  std::cout << "before: " << before << "\nduring: " << during << "\nmemory: +" << grown / 1024
            << " KiB, then +" << (gateway.memory() - std::min(gateway.memory(), memory)) / 1024
            << " KiB\n";
  expect_hardly_noticed(before, during);
}

TEST(Flood, AHundredThousandConnectionsLeaveNothingBehind) {
  raise_file_limit();
  ClusterOptions options = BesiegedGateway::without_rates();
  for (const char* rate : {"ACCEPTS", "HANDSHAKES"})
    options.gateway_environment.push_back(fmt::format("PARLEY_LIMITS_{}_PER_SECOND=0", rate));
  BesiegedGateway gateway(options);
  ASSERT_TRUE(gateway.ready());
  Account alice = gateway.sign_up("alice");
  const std::string hello = ChannelPeer(gateway.pin()).hello();
  const std::size_t files = gateway.open_files();
  const auto files_are_back = [&] { return gateway.open_files() <= files + 3; };
  const auto come_and_go = [&](std::uint64_t times) {
    for (const std::string& says : {std::string(), hello.substr(0, 30), hello, hello + hello}) {
      Swarm swarm({.port = gateway.port(),
                   .connections = 400,
                   .opened_per_second = 100'000,
                   .says = says,
                   .opened_max = times / 4,
                   .stay = Swarm::Options::Stay::until_said});
      EXPECT_TRUE(eventually(60s, [&] { return swarm.done(); })) << swarm.ended();
    }
    // The last ones may still wait in the kernel.
    EXPECT_TRUE(eventually(20s, [&] { return held(gateway) == 0 && files_are_back(); }));
    return gateway.memory();
  };
  const std::size_t after_some = come_and_go(20'000);
  const std::size_t after_all = come_and_go(80'000);
  // 100 bytes that each of the 80,000 left behind would be seen; the most that were there at once differs.
  EXPECT_LE(after_all, after_some + (8 << 20));
  EXPECT_EQ(log_in_often(gateway, alice, 20).failed, 0U);
  std::cout << "after 20,000: " << after_some / 1024 << " KiB, after 100,000: " << after_all / 1024
            << " KiB\n";
}

}  // namespace
}  // namespace parley::test
