// What every EventStore promises together with its LogStore, run against PostgreSQL and against the
// in-memory twins.
#include <algorithm>
#include <atomic>
#include <cstring>
#include <thread>

#include "store/limits.h"
#include "store/memory/memory_store.h"
#include "tests/integration/store/backends.h"

namespace parley::test {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr ConversationId talk{(1ULL << 31) | 2};
constexpr ConversationId other{(1ULL << 31) | 3};
constexpr InstanceId payroll{0xFEDCBA9876543210};  // negative as a bigint
constexpr InstanceId audit{7};
constexpr EventKinds messages{.messages = true};
constexpr EventKinds presence{.presence = true};
constexpr EventKinds everything{.messages = true, .presence = true};

ClientMessageId client_id(std::uint32_t number) {
  ClientMessageId id{};
  std::memcpy(id.data(), &number, sizeof number);
  return id;
}

// "1:2147483650/3 hello", "2:user 7 online".
std::string in_words(const Event& event) {
  const std::string number = std::to_string(event.cursor.value) + ":";
  if (const auto* logged = std::get_if<LoggedEvent>(&event.what))
    return number + (logged->conversation == talk ? "talk/" : "other/") +
           std::to_string(logged->entry.seq.value) + " " + logged->entry.body;
  const auto& change = std::get<PresenceChange>(event.what);
  return number + "user " + std::to_string(change.user.value) +
         (change.online ? " online" : " offline");
}

class EventStoreContract : public testing::TestWithParam<const char*> {
 protected:
  EventStoreContract()
      : backend_(make_backend(GetParam())), log_(backend_->log()), events_(backend_->events()) {
    EXPECT_TRUE(log_->open(std::array{talk, other}));
  }

  void say(const std::string& body, ConversationId conversation = talk) {
    ++said_;
    const NewEntry entry{conversation, UserId{1}, client_id(said_), 1, body, 1'000};
    EXPECT_TRUE(log_->append(std::array{entry}).at(0));
  }
  void sweep(Busy busy = Busy::skip) { EXPECT_TRUE(events_->sweep({}, 5'000, busy)); }
  std::uint64_t subscribe(InstanceId who = payroll, EventKinds kinds = messages) {
    const auto cursor = events_->subscribe(who, kinds);
    EXPECT_TRUE(cursor) << cursor.error().detail;
    return cursor ? cursor->value : ~0ULL;
  }
  Result<EventPage> page(std::uint64_t cursor, EventBound bound = {}, InstanceId who = payroll) {
    return events_->pull(who, EventCursor{cursor}, bound);
  }
  std::vector<std::string> pull(std::uint64_t cursor, EventBound bound = {},
                                InstanceId who = payroll) {
    const auto found = page(cursor, bound, who);
    if (!found) return {std::string(name_of(found.error().code)) + ": " + found.error().detail};
    std::vector<std::string> words;
    for (const Event& event : found->events) words.push_back(in_words(event));
    return words;
  }
  void note(std::uint64_t user, bool online) {
    EXPECT_TRUE(events_->note_presence(std::array{PresenceChange{UserId{user}, online, 6'000}}));
  }
  bool is_marked() { return events_->state()->unswept; }

  std::unique_ptr<Backend> backend_;
  std::unique_ptr<LogStore> log_;
  std::unique_ptr<EventStore> events_;
  std::uint32_t said_ = 0;
};

TEST_P(EventStoreContract, WhatIsSaidAfterASubscriptionBecomesEventsInOrder) {
  EXPECT_EQ(subscribe(), 0U);
  say("a");
  say("b", other);
  say("c");
  sweep();
  EXPECT_THAT(pull(0), ElementsAre("1:talk/1 a", "2:talk/2 c", "3:other/1 b"));
  const auto found = page(0);
  EXPECT_EQ(found->next, EventCursor{3});
  EXPECT_FALSE(found->more);
  EXPECT_EQ(found->lost_before, EventCursor{});
  const auto& entry = std::get<LoggedEvent>(found->events[0].what).entry;
  EXPECT_EQ(entry.sender, UserId{1});
  EXPECT_EQ(entry.client_id, client_id(1));
  EXPECT_EQ(entry.kind, 1);
  EXPECT_EQ(entry.time_ms, 1'000);
}

TEST_P(EventStoreContract, NobodyWhoWantsMessagesMeansNoMarkAndNoEvent) {
  say("before");
  EXPECT_FALSE(is_marked());
  subscribe(audit, presence);
  say("still nobody");
  EXPECT_FALSE(is_marked());
  sweep();
  EXPECT_EQ(events_->state()->newest, EventCursor{});
}

TEST_P(EventStoreContract, HistoryBeforeTheFirstSubscriptionDoesNotFlood) {
  for (int i = 0; i < 5; ++i) say("old");
  EXPECT_EQ(subscribe(), 0U);
  sweep();
  say("new");
  sweep();
  EXPECT_THAT(pull(0), ElementsAre("1:talk/6 new"));
}

TEST_P(EventStoreContract, WhatWasSaidBetweenTwoSubscriptionsIsToldToNeither) {
  subscribe();
  say("first");
  EXPECT_TRUE(events_->unsubscribe(payroll));
  say("between");
  EXPECT_TRUE(is_marked()) << "nobody has swept yet";
  EXPECT_EQ(subscribe(), 0U);
  say("second");
  sweep();
  EXPECT_THAT(pull(0), ElementsAre("1:talk/3 second"));
}

TEST_P(EventStoreContract, MarksThatNobodyWantsAreSweptAway) {
  subscribe();
  say("a");
  EXPECT_TRUE(events_->unsubscribe(payroll));
  sweep();
  EXPECT_FALSE(is_marked());
  EXPECT_EQ(events_->state()->newest, EventCursor{});
}

TEST_P(EventStoreContract, ASecondSweepFindsNothingAndTheNextOnlyWhatIsNew) {
  subscribe();
  say("a");
  sweep();
  sweep();
  say("b");
  sweep();
  EXPECT_THAT(pull(0), ElementsAre("1:talk/1 a", "2:talk/2 b"));
}

TEST_P(EventStoreContract, ARepetitionIsNoSecondEvent) {
  subscribe();
  say("a");
  said_ = 0;
  say("a");
  sweep();
  EXPECT_THAT(pull(0), ElementsAre("1:talk/1 a"));
}

TEST_P(EventStoreContract, PullingAgainGivesTheSameUntilItIsAcknowledged) {
  subscribe();
  for (const char* body : {"a", "b", "c"}) say(body);
  sweep();
  EXPECT_THAT(pull(0, {.events = 2}), ElementsAre("1:talk/1 a", "2:talk/2 b"));
  EXPECT_TRUE(page(0, {.events = 2})->more);
  EXPECT_THAT(pull(1, {.events = 1}), ElementsAre("2:talk/2 b"));
  EXPECT_THAT(pull(1), ElementsAre("2:talk/2 b", "3:talk/3 c"));
  EXPECT_THAT(pull(3), IsEmpty());
  EXPECT_EQ(page(3)->next, EventCursor{3});
}

TEST_P(EventStoreContract, ACursorBelowWhatWasAcknowledgedGoesOnFromThere) {
  subscribe();
  for (const char* body : {"a", "b", "c"}) say(body);
  sweep();
  pull(2);
  const auto found = page(1);
  EXPECT_EQ(found->lost_before, EventCursor{2});
  EXPECT_THAT(pull(1), ElementsAre("3:talk/3 c"));
}

TEST_P(EventStoreContract, ACursorOfTheFutureIsRefusedAndAcknowledgesNothing) {
  subscribe();
  say("a");
  sweep();
  EXPECT_EQ(page(2).error().code, Errc::bad_request);
  EXPECT_THAT(pull(0), ElementsAre("1:talk/1 a"));
}

TEST_P(EventStoreContract, WhoHasNoSubscriptionPullsNothing) {
  EXPECT_EQ(page(0).error().code, Errc::not_found);
  subscribe();
  EXPECT_TRUE(events_->unsubscribe(payroll));
  EXPECT_TRUE(events_->unsubscribe(payroll)) << "idempotent";
  EXPECT_EQ(page(0).error().code, Errc::not_found);
}

TEST_P(EventStoreContract, SubscribingAgainKeepsTheCursorAndChangesTheKinds) {
  subscribe();
  say("a");
  sweep();
  pull(1);
  say("b");
  note(7, true);
  EXPECT_EQ(subscribe(payroll, everything), 1U);
  EXPECT_EQ(subscribe(payroll, everything), 1U);
  note(8, true);
  sweep();
  EXPECT_THAT(pull(1), ElementsAre("2:user 8 online", "3:talk/2 b"));
  EXPECT_EQ(subscribe(payroll, presence), 1U);
  EXPECT_THAT(pull(1), ElementsAre("2:user 8 online"));
  EXPECT_EQ(page(1)->next, EventCursor{3}) << "past what is not wanted";
}

TEST_P(EventStoreContract, EachSubscriberHasACursorOfItsOwn) {
  subscribe();
  say("a");
  sweep();
  EXPECT_EQ(subscribe(audit), 1U) << "a new one starts now";
  say("b");
  sweep();
  EXPECT_THAT(pull(0), ElementsAre("1:talk/1 a", "2:talk/2 b"));
  EXPECT_THAT(pull(1, {}, audit), ElementsAre("2:talk/2 b"));
  const auto state = events_->state();
  ASSERT_THAT(state->subscribers, SizeIs(2));
  EXPECT_EQ(state->newest, EventCursor{2});
  for (const Subscriber& subscriber : state->subscribers) {
    EXPECT_EQ(subscriber.acked, EventCursor{subscriber.instance == audit ? 1U : 0U});
    EXPECT_EQ(subscriber.kinds, messages);
  }
}

TEST_P(EventStoreContract, APageEndsAtItsBytesAndSaysSo) {
  subscribe();
  for (int i = 0; i < 4; ++i) say("12345");
  note(1, true);
  sweep();
  const auto found = page(0, {.events = 9, .bytes = 12});
  EXPECT_THAT(found->events, SizeIs(3));  // the entry that passes the bound is the last
  EXPECT_EQ(found->next, EventCursor{3});
  EXPECT_TRUE(found->more);
  EXPECT_THAT(pull(3, {.events = 0, .bytes = 0}), ElementsAre("4:talk/4 12345"));
}

TEST_P(EventStoreContract, PresenceIsToldWhenItChangesAndSomebodyWantsIt) {
  note(7, true);
  EXPECT_FALSE(*events_->wants_presence());
  subscribe(payroll, presence);
  EXPECT_TRUE(*events_->wants_presence());
  note(7, true);
  note(7, true);
  EXPECT_TRUE(events_->note_presence(
      std::array{PresenceChange{UserId{8}, true, 1}, PresenceChange{UserId{7}, false, 2}}));
  note(8, true);
  EXPECT_THAT(pull(0), ElementsAre("1:user 7 online", "2:user 7 offline", "3:user 8 online"));
  EXPECT_EQ(std::get<PresenceChange>(page(0)->events[0].what).time_ms, 6'000);
  EXPECT_TRUE(events_->note_presence({}));
}

TEST_P(EventStoreContract, PresenceOfAFormerSubscriptionIsForgotten) {
  subscribe(payroll, presence);
  note(7, true);
  EXPECT_TRUE(events_->unsubscribe(payroll));
  EXPECT_EQ(subscribe(payroll, presence), 1U);
  note(7, true);
  EXPECT_THAT(pull(1), ElementsAre("2:user 7 online"));
}

TEST_P(EventStoreContract, ASweepGoesOnAfterAFullStatement) {
  subscribe();
  std::vector<ConversationId> many;
  std::vector<NewEntry> entries;
  for (std::uint32_t i = 0; i < limits::sweep_conversations_max + 20; ++i) {
    many.push_back(ConversationId{(5ULL << 31) | (i + 10)});
    entries.push_back({many.back(), UserId{5}, client_id(i), 1, "x", 1});
  }
  ASSERT_TRUE(log_->open(many));
  for (const auto& done : log_->append(entries)) ASSERT_TRUE(done);
  const auto first = events_->sweep({}, 1, Busy::skip);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->conversations, limits::sweep_conversations_max);
  const auto second = events_->sweep(first->last, 1, Busy::skip);
  EXPECT_EQ(second->conversations, 20U);
  EXPECT_EQ(second->last, ConversationId{});
  EXPECT_EQ(events_->state()->newest, EventCursor{entries.size()});
}

TEST_P(EventStoreContract, WhatAllHaveAcknowledgedIsRemoved) {
  subscribe();
  subscribe(audit);
  for (const char* body : {"a", "b"}) {
    say(body);
    sweep();
  }
  const EventRetention forever{.oldest_ms = 0, .events_max = 1'000'000};
  pull(2);
  EXPECT_EQ(events_->trim(forever)->rows, 0U) << "one of them has nothing";
  pull(1, {}, audit);
  EXPECT_EQ(events_->trim(forever)->rows, 1U);
  EXPECT_THAT(pull(1, {}, audit), ElementsAre("2:talk/2 b"));
  EXPECT_TRUE(events_->unsubscribe(audit));
  EXPECT_EQ(events_->trim(forever)->rows, 1U);
  EXPECT_EQ(events_->trim(forever)->laggards, 0U);
}

TEST_P(EventStoreContract, WhoLagsBeyondTheRetentionIsTold) {
  subscribe();
  for (const char* body : {"a", "b", "c"}) {
    say(body);
    sweep();
  }
  const auto trimmed = events_->trim({.oldest_ms = 0, .events_max = 2});
  EXPECT_EQ(trimmed->laggards, 1U);
  EXPECT_EQ(trimmed->rows, 1U);
  EXPECT_EQ(page(0)->lost_before, EventCursor{1});
  EXPECT_THAT(pull(0), ElementsAre("2:talk/2 b", "3:talk/3 c"));
  EXPECT_EQ(events_->trim({.oldest_ms = 5'001, .events_max = 100})->rows, 2U) << "too old";
  EXPECT_EQ(page(1)->lost_before, EventCursor{3});
  EXPECT_EQ(page(3)->lost_before, EventCursor{});
}

// Four writers, three sweepers, one reader that follows: each entry is one event, an event that was
// read is never followed by a lower one, and no number is missing.
TEST_P(EventStoreContract, RacingSweepersLoseNothingAndTellNothingTwice) {
  constexpr std::uint32_t per_writer = 400;
  subscribe();
  std::atomic<int> writing = 4;
  std::vector<std::string> failures(8);
  const auto write = [&](std::size_t self) {
    const auto log = backend_->log();
    for (std::uint32_t i = 0; i < per_writer; ++i) {
      const NewEntry entry{i % 2 == 0 ? talk : other, UserId{1},
                           client_id(static_cast<std::uint32_t>(self) * per_writer + i), 1, "x", 1};
      if (const auto done = log->append(std::array{entry}); !done[0])
        failures[self] = done[0].error().detail;
    }
    --writing;
  };
  const auto keep_sweeping = [&](std::size_t self) {
    const auto events = backend_->events();
    while (writing > 0) {
      const auto swept = events->sweep({}, 1, Busy::skip);
      if (!swept) failures[self] = swept.error().detail;
    }
  };
  std::vector<Event> read;
  const auto follow = [&] {
    const auto events = backend_->events();
    EventCursor cursor;
    for (bool last = false; !last;) {
      last = writing == 0;
      if (last) sweep(Busy::wait);
      for (bool more = true; more;) {
        const auto found = events->pull(payroll, cursor, {.events = 50});
        if (!found) {
          failures[7] = found.error().detail;
          return;
        }
        std::ranges::copy(found->events, std::back_inserter(read));
        cursor = found->next;
        more = found->more;
      }
    }
  };
  std::vector<std::thread> running;
  for (std::size_t self = 0; self < 4; ++self) running.emplace_back(write, self);
  for (std::size_t self = 4; self < 7; ++self) running.emplace_back(keep_sweeping, self);
  running.emplace_back(follow);
  for (std::thread& thread : running) thread.join();
  EXPECT_THAT(failures, Each(""));

  // The sweeper that was at it last may have committed after the reader's last look.
  const auto rest = events_->pull(payroll, read.empty() ? EventCursor{} : read.back().cursor, {});
  ASSERT_TRUE(rest);
  std::ranges::copy(rest->events, std::back_inserter(read));
  ASSERT_THAT(read, SizeIs(4 * per_writer));
  std::map<ConversationId, std::uint64_t> seqs;
  for (std::size_t i = 0; i < read.size(); ++i) {
    ASSERT_EQ(read[i].cursor.value, i + 1);
    const auto& logged = std::get<LoggedEvent>(read[i].what);
    ASSERT_EQ(logged.entry.seq.value, ++seqs[logged.conversation]);
  }
}

// Subscriptions come while appends are under way: what was appended after the answer is told.
TEST_P(EventStoreContract, NothingSaidAfterASubscriptionsAnswerIsMissed) {
  std::atomic<bool> stop = false;
  std::atomic<std::uint64_t> committed = 0;
  std::string failure;
  std::thread writer([&] {
    const auto log = backend_->log();
    for (std::uint32_t i = 0; !stop; ++i) {
      const NewEntry entry{talk, UserId{1}, client_id(i), 1, "x", 1};
      const auto done = log->append(std::array{entry});
      if (!done[0]) failure = done[0].error().detail;
      else committed = done[0]->seq.value;
    }
  });
  for (int round = 0; round < 30; ++round) {
    const std::uint64_t cursor = subscribe();
    const std::uint64_t said_before = committed;
    while (committed < said_before + 3) std::this_thread::yield();
    sweep(Busy::wait);  // the writer never pauses
    const auto found = page(cursor, {.events = 1});
    ASSERT_TRUE(found);
    ASSERT_THAT(found->events, SizeIs(1));
    // One append may have been committed and not been counted yet, no more.
    EXPECT_LE(std::get<LoggedEvent>(found->events[0].what).entry.seq.value, said_before + 2);
    EXPECT_TRUE(events_->unsubscribe(payroll));
  }
  stop = true;
  writer.join();
  EXPECT_EQ(failure, "");
}

INSTANTIATE_TEST_SUITE_P(Of, EventStoreContract, testing::Values("memory", "pg"),
                         [](const auto& test) { return std::string(test.param); });

// A transaction whose answer is lost was carried out: who repeats it changes nothing.
TEST(EventStoreTwin, RepeatsWhatIsAlreadyDoneWithoutHarm) {
  const auto database = std::make_shared<MemoryDatabase>();
  MemoryLogStore log(database);
  MemoryEventStore events(database);
  ASSERT_TRUE(log.open(std::array{talk}));
  const auto twice = [&](auto call) {
    database->set_faults({.fail_calls = 1});
    EXPECT_EQ(call().error().code, Errc::retry_later);
    database->set_faults({.lose_replies = 1});
    EXPECT_EQ(call().error().code, Errc::retry_later);
    EXPECT_TRUE(call());
  };
  twice([&] { return events.subscribe(payroll, everything); });
  ASSERT_TRUE(log.append(std::array{NewEntry{talk, UserId{1}, client_id(1), 1, "a", 1}}).at(0));
  twice([&] { return events.sweep({}, 1, Busy::skip); });
  twice([&] { return events.note_presence(std::array{PresenceChange{UserId{7}, true, 1}}); });
  const auto found = events.pull(payroll, EventCursor{}, {});
  ASSERT_THAT(found->events, SizeIs(2));
  twice([&] { return events.pull(payroll, EventCursor{2}, {}); });
  twice([&] { return events.trim({.oldest_ms = 0, .events_max = 10}); });
  EXPECT_EQ(events.pull(payroll, EventCursor{2}, {})->lost_before, EventCursor{});
  twice([&] { return events.unsubscribe(payroll); });
}

}  // namespace
}  // namespace parley::test
