#include "bus/publisher_core.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/random.h"
#include "bus/rendezvous.h"
#include "proto/verbs.h"

namespace parley {
namespace {

using Numbers = std::vector<std::uint64_t>;

constexpr InstanceId us{77};
constexpr BootId life{88};

struct PublisherTest : testing::Test {
  Instant now{std::chrono::hours(1)};
  PublisherCore core{{.instance = us, .boot = life, .brokers = 2, .pending_max = 100}};

  std::uint64_t publish(std::uint64_t key, std::string_view body = "body") {
    const auto number = core.publish({.verb = 0x0201, .key = key}, body, now);
    EXPECT_TRUE(number.has_value());
    return number.value_or(0);
  }
  // What was sent since the last call: broker → numbers.
  std::map<std::size_t, Numbers> sent() {
    std::map<std::size_t, Numbers> all;
    for (const auto& send : core.take_sends())
      all[send.broker].push_back(decode_envelope(send.bytes)->header.id.number);
    return all;
  }
  bool reply(std::uint64_t number, Errc error = static_cast<Errc>(0)) {
    return core.on_reply({.kind = EnvelopeKind::reply,
                          .error = static_cast<std::uint16_t>(error),
                          .id = {us, life, number}},
                         now);
  }
  void up(std::size_t broker) { core.on_up(broker, name(broker), now); }
  static std::uint64_t name(std::size_t broker) { return 1'000 + broker; }
  // A key whose first choice is that broker.
  static std::uint64_t key_of(std::size_t broker) {
    for (std::uint64_t key = 1;; ++key) {
      const bool first = rendezvous_weight(name(0), key) > rendezvous_weight(name(1), key);
      if (first == (broker == 0)) return key;
    }
  }
};

TEST_F(PublisherTest, FillsInIdAndTimeAndKeepsTheRest) {
  up(0);
  const auto number = core.publish({.verb = 0x0201, .key = 5, .user = UserId{9}}, "text", now);
  const auto sends = core.take_sends();
  ASSERT_EQ(sends.size(), 1U);
  const auto envelope = decode_envelope(sends[0].bytes);
  EXPECT_EQ(envelope->header.kind, EnvelopeKind::request);
  EXPECT_EQ(envelope->header.id, (RequestId{us, life, *number}));
  EXPECT_EQ(envelope->header.ttl_ms, 10'000U);
  EXPECT_EQ(envelope->header.attempt, 0);
  EXPECT_EQ(envelope->header.user, UserId{9});
  EXPECT_EQ(envelope->body, "text");
}

TEST_F(PublisherTest, ChoosesTheBrokerByKeyAmongTheHealthy) {
  up(0);
  up(1);
  const auto a = publish(key_of(0));
  const auto b = publish(key_of(1));
  EXPECT_EQ(sent(), (std::map<std::size_t, Numbers>{{0, {a}}, {1, {b}}}));
  reply(a);
  core.on_down(0, now);
  const auto c = publish(key_of(0));
  EXPECT_EQ(sent(), (std::map<std::size_t, Numbers>{{1, {c}}}));
}

TEST_F(PublisherTest, AnswersOnceAndIgnoresLateForeignAndFormerLifesReplies) {
  up(0);
  const auto number = publish(1);
  EXPECT_FALSE(core.on_reply({.id = {us, BootId{1}, number}}, now));
  EXPECT_FALSE(core.on_reply({.id = {InstanceId{1}, life, number}}, now));
  EXPECT_FALSE(reply(number + 1));
  EXPECT_TRUE(reply(number));
  EXPECT_FALSE(reply(number));
  EXPECT_EQ(core.counters().late_replies, 4U);
  EXPECT_EQ(core.pending(), 0U);
  EXPECT_EQ(core.pending_bytes(), 0U);
}

TEST_F(PublisherTest, RefusesBeyondItsBounds) {
  for (int i = 0; i < 100; ++i) publish(1);
  const auto refused = core.publish({.verb = 0x0201}, "x", now);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, Errc::retry_later);
  EXPECT_GT(refused.error().retry_after_ms, 0U);

  PublisherCore small{{.instance = us, .boot = life, .pending_bytes_max = 200}};
  EXPECT_TRUE(small.publish({}, std::string(50, 'x'), now).has_value());
  EXPECT_FALSE(small.publish({}, std::string(50, 'x'), now).has_value());
  const auto large = core.publish({}, std::string(1 << 20, 'x'), now);
  EXPECT_EQ(large.error().code, Errc::too_large);
}

// An app that hangs leaves room for the chat.
TEST_F(PublisherTest, LeavesHalfOfItsBoundsToOthersThanApps) {
  constexpr auto app = static_cast<std::uint16_t>(Verb::app_request);
  const auto ask = [&](PublisherCore& of) { return of.publish({.verb = app}, "x", now); };
  Numbers numbers;
  for (int i = 0; i < 50; ++i) numbers.push_back(ask(core).value_or(0));
  EXPECT_EQ(ask(core).error().code, Errc::retry_later);
  for (int i = 0; i < 50; ++i) publish(1);
  EXPECT_FALSE(core.publish({.verb = 0x0201}, "x", now).has_value()) << "all is all";
  up(0);
  EXPECT_TRUE(reply(numbers.front()));
  EXPECT_TRUE(ask(core).has_value()) << "what was answered makes room";

  PublisherCore small{{.instance = us, .boot = life, .pending_bytes_max = 400}};
  EXPECT_TRUE(small.publish({.verb = app}, std::string(50, 'x'), now).has_value());
  EXPECT_FALSE(small.publish({.verb = app}, std::string(50, 'x'), now).has_value());
  EXPECT_TRUE(small.publish({.verb = 0x0201}, std::string(50, 'x'), now).has_value());
}

TEST_F(PublisherTest, HoldsRequestsUntilSomebodyIsHealthy) {
  const auto a = publish(1);
  const auto b = publish(2);
  EXPECT_TRUE(sent().empty());
  up(1);
  EXPECT_EQ(sent(), (std::map<std::size_t, Numbers>{{1, {a, b}}}));
}

TEST_F(PublisherTest, RepublishesADeadBrokersRequestsInOrderUnderTheSameIds) {
  up(0);
  Numbers all;
  for (std::uint64_t i = 0; i < 10; ++i) all.push_back(publish(i % 3));
  sent();
  reply(all[4]);
  all.erase(all.begin() + 4);
  up(1);
  EXPECT_TRUE(sent().empty());
  core.on_down(0, now);
  EXPECT_EQ(sent(), (std::map<std::size_t, Numbers>{{1, all}}));
  EXPECT_EQ(core.counters().republished, 9U);
}

TEST_F(PublisherTest, KeepsABusyKeyAtItsBrokerEvenIfAnotherWouldBePreferred) {
  up(1);
  const std::uint64_t key = key_of(0);
  const auto a = publish(key);
  up(0);
  const auto b = publish(key);
  EXPECT_EQ(sent(), (std::map<std::size_t, Numbers>{{1, {a, b}}}));
  reply(a);
  reply(b);
  const auto c = publish(key);
  EXPECT_EQ(sent(), (std::map<std::size_t, Numbers>{{0, {c}}}));
}

TEST_F(PublisherTest, LeavesADrainingBrokerOnlyWhenItHasAnsweredWhatItTook) {
  up(0);
  up(1);
  const std::uint64_t key = key_of(0);
  const auto taken = publish(key);
  const auto refused = publish(key);
  sent();
  core.on_leaving(0);
  core.on_refused(0, {us, life, refused}, now);
  const auto later = publish(key);
  EXPECT_TRUE(sent().empty());
  EXPECT_TRUE(reply(taken));
  EXPECT_EQ(sent(), (std::map<std::size_t, Numbers>{{1, {refused, later}}}));
}

TEST_F(PublisherTest, AsksTheNextAgainAlthoughTheFormerRefusedBothCopies) {
  up(0);
  up(1);
  const auto number = publish(key_of(0));
  now += 5s;
  core.on_tick(now);
  EXPECT_EQ(sent()[0].size(), 2U);
  core.on_leaving(0);
  core.on_refused(0, {us, life, number}, now);
  core.on_refused(0, {us, life, number}, now);
  EXPECT_EQ(sent(), (std::map<std::size_t, Numbers>{{1, {number}}}));
  now += 4s;
  core.on_tick(now);
  EXPECT_EQ(sent(), (std::map<std::size_t, Numbers>{{1, {number}}}));
}

TEST_F(PublisherTest, SendsNewKeysPastADrainingBroker) {
  up(0);
  up(1);
  core.on_leaving(0);
  const auto number = publish(key_of(0));
  EXPECT_EQ(sent(), (std::map<std::size_t, Numbers>{{1, {number}}}));
}

TEST_F(PublisherTest, GivesUpAtTheDeadlineAndSaysSo) {
  up(0);
  const auto number = publish(1);
  now += 9'999ms;
  core.on_tick(now);
  EXPECT_TRUE(core.take_expired().empty());
  now += 1ms;
  core.on_tick(now);
  const auto expired = core.take_expired();
  ASSERT_EQ(expired.size(), 1U);
  EXPECT_EQ(expired[0].header.id.number, number);
  EXPECT_EQ(expired[0].header.kind, EnvelopeKind::reply);
  EXPECT_EQ(static_cast<Errc>(expired[0].header.error), Errc::retry_later);
  EXPECT_FALSE(reply(number)) << "too late";
}

TEST_F(PublisherTest, AsksAgainWhenAnAnswerSeemsLost) {
  up(0);
  const auto number = publish(1);
  sent();
  now += 3'900ms;
  core.on_tick(now);
  EXPECT_TRUE(sent().empty());
  now += 100ms;
  core.on_tick(now);
  const auto sends = core.take_sends();
  ASSERT_EQ(sends.size(), 1U);
  EXPECT_EQ(decode_envelope(sends[0].bytes)->header.id.number, number);
  EXPECT_EQ(decode_envelope(sends[0].bytes)->header.ttl_ms, 6'000U);
  core.on_tick(now);
  EXPECT_TRUE(sent().empty()) << "once per interval";
}

// Brokers come, drain and die at random. Each request is answered once; requests of a key are executed in
// order wherever they are first executed.
TEST(PublisherModel, LosesNothingAndKeepsOrderInRandomHistories) {
  constexpr std::size_t brokers = 3;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    Instant now{std::chrono::hours(1)};
    PublisherCore core({.instance = us, .boot = life, .brokers = brokers, .pending_max = 500});
    enum class State { down, up, leaving };
    std::vector<State> state(brokers, State::down);
    std::vector<std::vector<EnvelopeHeader>> inbox(brokers);
    std::set<std::uint64_t> open, executed;
    std::map<std::uint64_t, std::uint64_t> last_of_key;

    const auto perform = [&] {
      for (const auto& send : core.take_sends()) {
        ASSERT_NE(state[send.broker], State::down);
        inbox[send.broker].push_back(decode_envelope(send.bytes)->header);
      }
      for (const auto& late : core.take_expired()) open.erase(late.header.id.number);
    };
    // Executes a broker's oldest; the answer may be lost on the way, as when the broker dies.
    const auto execute = [&](std::size_t broker, bool answer) {
      if (inbox[broker].empty()) return;
      const EnvelopeHeader header = inbox[broker].front();
      inbox[broker].erase(inbox[broker].begin());
      if (executed.insert(header.id.number).second) {
        EXPECT_GT(header.id.number, last_of_key[header.key]) << "a newer one was executed before";
        last_of_key[header.key] = header.id.number;
      }
      if (!answer) return;
      const bool was_open = open.erase(header.id.number) > 0;
      EXPECT_EQ(core.on_reply({.kind = EnvelopeKind::reply, .id = header.id}, now), was_open);
    };
    const auto go_down = [&](std::size_t b) {
      if (state[b] == State::down) return;
      state[b] = State::down;
      while (!inbox[b].empty() && random.below(2) == 0) execute(b, false);
      inbox[b].clear();
      core.on_down(b, now);
      perform();
    };
    for (int step = 0; step < 2'000; ++step) {
      const std::size_t b = random.below(brokers);
      const auto dice = random.below(100);
      if (dice < 40) {
        if (const auto number = core.publish({.verb = 1, .key = random.below(5)}, "x", now))
          open.insert(*number);
      } else if (dice < 88) {
        execute(b, true);
      } else if (dice < 92 && state[b] == State::down) {
        state[b] = State::up;
        core.on_up(b, 100 + b, now);
      } else if (dice < 94 && state[b] == State::up) {
        // It refuses what arrives after the decision: here, the younger half of its inbox.
        state[b] = State::leaving;
        core.on_leaving(b);
        const std::size_t keep = inbox[b].size() / 2;
        for (std::size_t i = keep; i < inbox[b].size(); ++i)
          core.on_refused(b, inbox[b][i].id, now);
        inbox[b].resize(keep);
      } else if (dice < 96) {
        go_down(b);
      } else {
        now += 20ms;
        core.on_tick(now);
      }
      perform();
    }
    if (state[0] != State::up) {
      go_down(0);
      state[0] = State::up;
      core.on_up(0, 100, now);
      perform();
    }
    for (std::size_t b = 1; b < brokers; ++b) go_down(b);
    for (int i = 0; i < 2'000 && !open.empty(); ++i) {
      execute(0, true);
      perform();
    }
    EXPECT_TRUE(open.empty());
    EXPECT_EQ(core.pending(), 0U);
    if (testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace parley
