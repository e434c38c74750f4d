#include "bus/subscription.h"

#include <gtest/gtest.h>

#include <deque>

namespace parley {
namespace {

using Subscribe = Subscription::Subscribe;
using Pull = Subscription::Pull;
using Hand = Subscription::Hand;
using Lost = Subscription::Lost;

struct SubscriptionTest : testing::Test {
  Instant now{std::chrono::hours(1)};
  Subscription core{{.kinds = {wire::EVENT_KIND_MESSAGE}, .page = 3}, 7};
  std::deque<Subscription::Action> actions;

  template <typename T>
  std::optional<T> next() {
    for (auto& action : core.take_actions()) actions.push_back(std::move(action));
    if (actions.empty() || !std::holds_alternative<T>(actions.front())) return std::nullopt;
    T value = std::get<T>(std::move(actions.front()));
    actions.pop_front();
    return value;
  }
  bool nothing() {
    for (auto& action : core.take_actions()) actions.push_back(std::move(action));
    return actions.empty();
  }
  void after(Duration time) { core.on_tick(now += time); }
  // Subscribed, with this cursor; its first pull is out.
  void subscribed(std::uint64_t cursor) {
    core.on_tick(now);
    ASSERT_TRUE(next<Subscribe>());
    wire::SubscribeReply reply;
    reply.set_cursor(cursor);
    core.on_subscribed(reply);
    expect_pull(cursor);
  }
  void expect_pull(std::uint64_t cursor) {
    const auto pull = next<Pull>();
    ASSERT_TRUE(pull);
    EXPECT_EQ(pull->request.cursor(), cursor);
  }
  void expect_handed(std::uint64_t cursor) {
    const auto hand = next<Hand>();
    ASSERT_TRUE(hand);
    EXPECT_EQ(hand->event.cursor(), cursor);
  }
  void page(std::initializer_list<std::uint64_t> cursors, std::uint64_t next_cursor,
            std::uint64_t lost_before = 0) {
    wire::EventPullReply reply;
    for (const std::uint64_t cursor : cursors) reply.add_events()->set_cursor(cursor);
    reply.set_cursor(next_cursor);
    reply.set_lost_before(lost_before);
    core.on_page(reply, now);
  }
};

TEST_F(SubscriptionTest, SubscribesThenPullsFromTheServersCursor) {
  core.on_tick(now);
  const auto subscribe = next<Subscribe>();
  ASSERT_TRUE(subscribe);
  ASSERT_EQ(subscribe->request.kinds_size(), 1);
  EXPECT_EQ(subscribe->request.kinds(0), wire::EVENT_KIND_MESSAGE);
  wire::SubscribeReply reply;
  reply.set_cursor(40);
  core.on_subscribed(reply);
  const auto pull = next<Pull>();
  ASSERT_TRUE(pull);
  EXPECT_EQ(pull->request.cursor(), 40U);
  EXPECT_EQ(pull->request.limit(), 3U);
}

TEST_F(SubscriptionTest, HandsEventsOverOneByOneAndAcknowledgesThemWhenAllAreDone) {
  subscribed(10);
  page({11, 13}, 14);
  expect_handed(11);
  EXPECT_TRUE(nothing());
  EXPECT_EQ(core.cursor(), 10U) << "not acknowledged before it is done";
  core.on_done();
  expect_handed(13);
  EXPECT_EQ(core.cursor(), 11U);
  core.on_done();
  expect_pull(14);
}

TEST_F(SubscriptionTest, AnEmptyPageEndsWithAPause) {
  subscribed(10);
  page({}, 12);
  EXPECT_TRUE(nothing());
  after(4s);
  EXPECT_TRUE(nothing());
  after(1s);
  expect_pull(12);
}

TEST_F(SubscriptionTest, NewsEndThePauseUnlessTheyAreKnown) {
  subscribed(10);
  page({}, 12);
  core.on_news(12);
  EXPECT_TRUE(nothing());
  core.on_news(13);
  expect_pull(12);
  EXPECT_TRUE(nothing());
}

TEST_F(SubscriptionTest, NewsDuringAPullAreNotForgotten) {
  subscribed(10);
  core.on_news(11);
  page({}, 10);
  expect_pull(10);
  page({}, 10);
  EXPECT_TRUE(nothing()) << "once";
}

TEST_F(SubscriptionTest, AnEventThatFailsIsGivenAgainAfterAPauseAndNothingOvertakesIt) {
  subscribed(10);
  page({11, 12}, 12);
  expect_handed(11);
  core.on_event_failed(now);
  core.on_news(20);
  core.on_connected();
  EXPECT_TRUE(nothing());
  after(10s);
  expect_handed(11);
  core.on_done();
  expect_handed(12);
}

TEST_F(SubscriptionTest, APageThatWasNotAcknowledgedComesAgain) {
  subscribed(10);
  page({11, 12}, 12);
  expect_handed(11);
  core.on_done();
  expect_handed(12);
  core.on_done();
  expect_pull(12);
  core.on_failed({Errc::retry_later}, now);
  after(10s);
  expect_pull(12);
  page({11, 12, 13}, 13);  // from before: known
  expect_handed(13);
}

TEST_F(SubscriptionTest, AnErrorIsWaitedForAsLongAsItsHintSays) {
  subscribed(10);
  core.on_failed({Errc::retry_later, "", 30'000}, now);
  core.on_news(11);
  after(29s);
  EXPECT_TRUE(nothing());
  after(1s);
  expect_pull(10);
}

TEST_F(SubscriptionTest, AConnectionEndsTheWaitForOneThatWasLost) {
  subscribed(10);
  core.on_failed({Errc::retry_later, "", 30'000}, now);
  core.on_connected();
  expect_pull(10);
}

TEST_F(SubscriptionTest, ThatTheServerDoesNotKnowIsMadeAgain) {
  for (const Errc code : {Errc::not_found, Errc::bad_request}) {
    core = Subscription({.kinds = {wire::EVENT_KIND_MESSAGE}}, 7);
    subscribed(10);
    core.on_failed({code}, now);
    after(10s);
    ASSERT_TRUE(next<Subscribe>());
    wire::SubscribeReply reply;
    reply.set_cursor(3);  // the server was restored from a backup
    core.on_subscribed(reply);
    expect_pull(3);
    page({4}, 4);
    expect_handed(4);
    actions.clear();
  }
}

TEST_F(SubscriptionTest, WhatTheServerDidNotKeepIsReported) {
  subscribed(10);
  page({51}, 51, 50);
  const auto lost = next<Lost>();
  ASSERT_TRUE(lost);
  EXPECT_EQ(lost->before, 50U);
  expect_handed(51);
}

TEST_F(SubscriptionTest, StopsAfterThePresentEventAndAcknowledgesItLast) {
  subscribed(10);
  page({11, 12}, 12);
  expect_handed(11);
  core.stop();
  EXPECT_FALSE(core.is_stopped());
  core.on_done();
  expect_pull(11);
  page({12}, 12);
  EXPECT_TRUE(core.is_stopped());
  EXPECT_TRUE(nothing());
}

TEST_F(SubscriptionTest, StopsAtOnceWhenItWasNeverSubscribed) {
  core.stop();
  EXPECT_TRUE(core.is_stopped());
  core.on_tick(now + 1h);
  core.on_connected();
  EXPECT_TRUE(nothing());
}

TEST_F(SubscriptionTest, StopsWithoutAServer) {
  subscribed(10);
  page({}, 10);
  core.stop();
  expect_pull(10);
  core.on_failed({Errc::retry_later}, now);
  EXPECT_TRUE(core.is_stopped());
}

}  // namespace
}  // namespace parley
