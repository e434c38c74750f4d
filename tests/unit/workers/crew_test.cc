#include "workers/crew.h"

#include <semaphore>

#include "proto/delivery.h"
#include "tests/support/refill.h"
#include "tests/unit/workers/bench.h"
#include "tests/unit/workers/forwarding_user_store.h"

namespace parley::test {
namespace {

// Lets nobody through until it is opened.
class Turnstile {
 public:
  void pass() {
    if (closed_) gate_.acquire();
  }
  void close() { closed_ = true; }
  void open() {
    closed_ = false;
    gate_.release(1'000);
  }

 private:
  std::atomic<bool> closed_ = false;
  std::counting_semaphore<1'000'000> gate_{0};
};

class HeldHasher final : public PasswordHasher {
 public:
  explicit HeldHasher(Turnstile& turnstile) : turnstile_(turnstile) {}
  Result<std::string> hash(std::string_view) const override {
    turnstile_.pass();
    return std::string("hash");
  }
  Result<Verdict> verify(const std::string&, std::string_view) const override {
    turnstile_.pass();
    return Verdict::match;
  }
  const std::string& nobodys_hash() const override { return nobodys_hash_; }

 private:
  Turnstile& turnstile_;
  std::string nobodys_hash_ = "nobody";
};

class HeldRoutes final : public RouteStore {
 public:
  HeldRoutes(std::shared_ptr<MemoryDatabase> database, Turnstile& turnstile)
      : routes_(std::move(database)), turnstile_(turnstile) {}
  Result<Routes> lookup(std::span<const UserId> users) override {
    turnstile_.pass();
    return routes_.lookup(users);
  }
  Status add(InstanceId gateway, std::span<const UserId> users) override {
    return routes_.add(gateway, users);
  }
  Status remove(InstanceId gateway, std::span<const UserId> users) override {
    return routes_.remove(gateway, users);
  }
  Status mark_refilled(std::uint64_t emptied) override {
    return routes_.mark_refilled(emptied);
  }

 private:
  MemoryRouteStore routes_;
  Turnstile& turnstile_;
};

class HeldUsers final : public ForwardingUserStore {
 public:
  HeldUsers(UserStore& users, Turnstile& turnstile)
      : ForwardingUserStore(users), turnstile_(turnstile) {}
  Result<std::optional<DeviceRecord>> device_by_token(const TokenHash& token) override {
    turnstile_.pass();
    return ForwardingUserStore::device_by_token(token);
  }

 private:
  Turnstile& turnstile_;
};

struct Reply {
  std::uint64_t number;
  int error;
  std::string body;
};

struct CrewAtWork : testing::Test {
  Bench bench;
  Turnstile hashing;
  Turnstile cache;
  Turnstile tokens;
  HeldHasher hasher{hashing};
  Metrics metrics;
  Loop loop;
  std::unique_ptr<Crew> crew;
  std::vector<Reply> replies;
  std::vector<PackedDelivery> deliveries;
  std::uint64_t next_number = 0;
  Session ann{bench.account("ann"), DeviceId{1}};
  Session bob{bench.account("bob"), DeviceId{2}};
  std::uint64_t chat = direct_conversation(ann.user, bob.user).value;

  void hire(CrewOptions options = {}) {
    options.services = {ServiceId::login, ServiceId::c2c, ServiceId::route};
    crew = std::make_unique<Crew>(
        loop, options,
        [this] {
          return Stores{std::make_unique<MemoryLogStore>(bench.database),
                        std::make_unique<HeldUsers>(bench.users, tokens),
                        std::make_unique<HeldRoutes>(bench.database, cache),
                        std::make_unique<MemoryEventStore>(bench.database)};
        },
        hasher,
        Crew::Handlers{
            .on_answer =
                [this](const BusRequest& request, const EnvelopeHeader& header,
                       std::string_view body) {
                  replies.push_back({request.header.id.number, header.error, std::string(body)});
                },
            .on_delivery =
                [this](const PackedDelivery& message) { deliveries.push_back(message); }},
        metrics);
  }
  void TearDown() override {
    hashing.open();
    cache.open();
    tokens.open();
    crew.reset();
  }

  std::uint64_t submit(Verb verb, const Question& question) {
    BusRequest request = Bench::request(verb, question);
    request.header.id.number = next_number;
    crew->submit(std::move(request));
    return next_number++;
  }
  std::uint64_t send(unsigned id, const std::string& body = "hi") {
    return submit(Verb::c2c_send, {ann, chat, text(id, body).SerializeAsString()});
  }
  std::uint64_t sign_up(unsigned number, std::uint64_t origin = 0) {
    wire::RegisterRequest request;
    request.set_name("user-" + std::to_string(number));
    request.set_password("correct horse");
    return submit(Verb::login_register, {{.origin = origin}, 0, request.SerializeAsString()});
  }
  // Turns the loop until the condition holds; false after 5 s.
  bool turn_until(const std::function<bool()>& condition) {
    const Instant deadline = monotonic_now() + 5s;
    Timer poll(loop, [&] {
      if (condition() || monotonic_now() > deadline) loop.stop();
    });
    poll.every(1ms);
    loop.run();
    return condition();
  }
  bool all_answered() {
    return turn_until([&] { return replies.size() == next_number; });
  }
  const Reply& reply_to(std::uint64_t number) {
    return *std::ranges::find(replies, number, &Reply::number);
  }
};

TEST_F(CrewAtWork, AnswersEveryRequestOnceAndKeepsEachConversationsOrder) {
  hire({.executors = 3, .batch_max = 50});
  std::vector<std::uint64_t> chats;
  for (int i = 0; i < 8; ++i)
    chats.push_back(direct_conversation(ann.user, bench.account("peer" + std::to_string(i))).value);
  for (unsigned i = 0; i < 2'000; ++i)
    submit(Verb::c2c_send, {ann, chats[i % 8], text(i, "hi").SerializeAsString()});
  ASSERT_TRUE(all_answered());
  std::ranges::sort(replies, {}, &Reply::number);
  std::map<std::uint64_t, std::uint64_t> last;
  for (const Reply& reply : replies) {
    wire::SendReply ack;
    ASSERT_TRUE(ack.ParseFromString(reply.body));
    ASSERT_EQ(ack.seq(), ++last[reply.number % 8]) << "numbers follow the order of arrival";
  }
  EXPECT_TRUE(turn_until([&] { return crew->idle(); }));
}

TEST_F(CrewAtWork, AnswersLeaveBeforeTheirDeliveries) {
  hire();
  cache.close();
  send(1);
  ASSERT_TRUE(all_answered()) << "an answer never waits for the route cache";
  EXPECT_TRUE(deliveries.empty());
  EXPECT_FALSE(crew->idle());
  cache.open();
  EXPECT_TRUE(turn_until([&] { return deliveries.size() >= 2; }))
      << "everything, and a question for reports";
  EXPECT_TRUE(turn_until([&] { return crew->idle(); }));
}

TEST_F(CrewAtWork, DropsDeliveriesBeyondTheBoundAndStillAnswers) {
  hire({.courier_bytes_max = 10'000});
  cache.close();
  for (unsigned i = 0; i < 50; ++i) {
    send(i, std::string(1'000, 'x'));
    ASSERT_TRUE(all_answered());
    EXPECT_EQ(replies.back().error, 0);
  }
  EXPECT_EQ(metrics.text().find("parley_worker_deliveries_dropped_total 0"), std::string::npos);
  cache.open();
  EXPECT_TRUE(turn_until([&] { return crew->idle(); }));
}

TEST_F(CrewAtWork, NeverDropsWhatEndsSessions) {
  hire({.courier_bytes_max = 10'000});
  cache.close();
  for (unsigned i = 0; i < 50; ++i) {
    send(i, std::string(1'000, 'x'));
    ASSERT_TRUE(all_answered());
  }
  const auto dropped = [this] { return metrics.text().find("deliveries_dropped_total 0"); };
  ASSERT_EQ(dropped(), std::string::npos);
  submit(Verb::login_logout, {{ann.user, ann.device, Generation{2}}, 0, {}});
  ASSERT_TRUE(all_answered());
  EXPECT_EQ(replies.back().error, 0);
  cache.open();
  ASSERT_TRUE(turn_until([&] { return crew->idle(); }));
  int revocations = 0;
  for (const PackedDelivery& message : deliveries) {
    const auto items = decode_deliveries(message.items);
    ASSERT_TRUE(items);
    for (const DeliveryItem& item : *items)
      revocations += item.notice == static_cast<std::uint16_t>(Notice::login_revoked);
  }
  EXPECT_EQ(revocations, 1);
}

TEST_F(CrewAtWork, HashingHoldsUpNothingElse) {
  hire({.hashers = 1});
  hashing.close();
  const auto slow = sign_up(1);
  const auto quick = send(1);
  ASSERT_TRUE(turn_until([&] { return replies.size() == 1; }));
  EXPECT_EQ(replies[0].number, quick);
  hashing.open();
  ASSERT_TRUE(all_answered());
  EXPECT_EQ(reply_to(slow).error, 0);
}

TEST_F(CrewAtWork, NoMessageWaitsBehindReturningClients) {
  hire({.executors = 1});
  tokens.close();
  wire::ResumeRequest resume;
  resume.set_device_token(std::string(32, 'x'));
  resume.mutable_device()->set_id(1);
  resume.mutable_device()->set_device_class(wire::DEVICE_CLASS_PC);
  for (int i = 0; i < 10; ++i) submit(Verb::login_resume, {{}, 0, resume.SerializeAsString()});
  const auto message = send(1);
  ASSERT_TRUE(turn_until([&] { return replies.size() == 1; }));
  EXPECT_EQ(replies[0].number, message);
  tokens.open();
  ASSERT_TRUE(all_answered());
}

TEST_F(CrewAtWork, RefusesLoginsAtOnceWhenTooManyWait) {
  hire({.hashers = 2, .hash_queue_max = 8});
  hashing.close();
  for (unsigned i = 0; i < 20; ++i)
    sign_up(i, (1ULL << 32) | 0x0A000001);  // one network: one hasher
  ASSERT_TRUE(turn_until([&] { return replies.size() == 15; })) << "1 is hashed, 4 wait";
  for (const Reply& reply : replies) EXPECT_EQ(reply.error, static_cast<int>(Errc::retry_later));
  hashing.open();
  ASSERT_TRUE(all_answered());
}

TEST_F(CrewAtWork, LooksDeadWhenAThreadIsStuckAndRecovers) {
  hire({.hashers = 1, .stuck_after = 30ms});
  EXPECT_TRUE(crew->is_alive());
  hashing.close();
  sign_up(1);
  EXPECT_TRUE(turn_until([&] { return !crew->is_alive(); }));
  hashing.open();
  EXPECT_TRUE(turn_until([&] { return crew->is_alive(); }));
}

TEST_F(CrewAtWork, StoresReportsOfGatewaysAndUsesThem) {
  hire();
  ASSERT_TRUE(refill(bench.routes));
  wire::RouteReport report;
  report.add_present(bob.user.value);
  submit(Verb::route_report, {{}, 0, report.SerializeAsString()});
  ASSERT_TRUE(all_answered());
  send(1);
  ASSERT_TRUE(turn_until([&] { return deliveries.size() == 1; }));
  EXPECT_EQ(deliveries[0].gateway, InstanceId{99});
  crew->unreachable(InstanceId{99}, deliveries[0].items);
  ASSERT_TRUE(turn_until([&] { return crew->idle(); }));
  EXPECT_TRUE(bench.routes.lookup(std::vector{bob.user})->gateways[0].empty());
}

TEST_F(CrewAtWork, RefusesVerbsThatItDoesNotServe) {
  hire();
  BusRequest request = Bench::request(Verb::c2c_send, {});
  request.header.verb = 0x7FFF;
  crew->submit(request);
  ++next_number;
  ASSERT_TRUE(all_answered());
  EXPECT_EQ(replies[0].error, static_cast<int>(Errc::unsupported));
}

}  // namespace
}  // namespace parley::test
