#include "client/conversations.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <set>

#include "client/memory_log.h"

namespace parley::client {
namespace {

const UserId self{1};
const Instant start = Instant{} + 1s;

ConversationId chat_with(std::uint64_t peer) { return direct_conversation(self, UserId{peer}); }

// Back after a while: so many conversations have something new.
class ConversationsTest : public testing::Test {
 protected:
  static constexpr std::uint64_t chats = 40;

  ConversationsTest() {
    EXPECT_TRUE(conversations.load(DeviceAge::is_known));
    come_back();
  }
  void come_back() {
    conversations.connected(self, start, out);
    EXPECT_EQ(take_all(start).size(), 1U) << "the list is asked for";
    wire_format::ListPage page;
    for (std::uint64_t peer = 2; peer < 2 + chats; ++peer) {
      wire_format::Listed& listed = page.conversations.emplace_back();
      listed.conversation = chat_with(peer);
      listed.head = Seq{1};
    }
    conversations.on_list(page, start, out);
  }
  std::vector<Request> take_all(Instant now) {
    std::vector<Request> all;
    while (auto request = conversations.take_due(now)) all.push_back(*std::move(request));
    return all;
  }
  void answer(const Request& pull) {
    const ConversationId id = std::get<ForPull>(pull.purpose).conversation;
    const auto members = members_of(id);
    Page page;
    page.head = Seq{1};
    Entry entry;
    entry.conversation = id;
    entry.seq = Seq{1};
    entry.sender = members->other(self);
    page.entries.push_back(std::move(entry));
    conversations.on_pull(id, std::move(page), start, out);
  }
  static std::size_t pulls_of(const std::vector<Request>& requests) {
    return static_cast<std::size_t>(std::ranges::count(requests, Verb::c2c_pull, &Request::verb));
  }

  MemoryLog log;
  Conversations conversations{{}, log, 1};
  std::vector<Action> out;
};

TEST_F(ConversationsTest, PullsAFewAtATimeAndAllInTheEnd) {
  std::size_t pulled = 0;
  std::vector<Request> in_flight = take_all(start);
  EXPECT_EQ(in_flight.size(), 8U);
  while (!in_flight.empty()) {
    answer(in_flight.back());
    in_flight.pop_back();
    ++pulled;
    for (Request& request : take_all(start))
      if (request.verb == Verb::c2c_pull) in_flight.push_back(std::move(request));
    ASSERT_LE(in_flight.size(), 8U);
  }
  EXPECT_EQ(pulled, chats);
}

TEST_F(ConversationsTest, APullThatHasNoRoomIsNoReasonToWakeUp) {
  ASSERT_EQ(take_all(start).size(), 8U);
  ASSERT_TRUE(conversations.next_due().has_value());
  EXPECT_GT(*conversations.next_due(), start);
}

TEST_F(ConversationsTest, ReceiptsDoNotWaitForRoomForPulls) {
  auto pulls = take_all(start);
  answer(pulls.front());
  const auto next = take_all(start + 10ms);
  EXPECT_EQ(pulls_of(next), 1U);
  EXPECT_EQ(std::ranges::count(next, Verb::c2c_receipt, &Request::verb), 1);
}

TEST_F(ConversationsTest, AFailedPullMakesRoomForAnother) {
  const auto pulls = take_all(start);
  conversations.on_pull_failed(std::get<ForPull>(pulls[0].purpose).conversation,
                               Error{Errc::retry_later, ""}, start);
  EXPECT_EQ(pulls_of(take_all(start)), 1U);
}

TEST_F(ConversationsTest, ALostConnectionTakesItsPullsWithIt) {
  ASSERT_EQ(take_all(start).size(), 8U);
  conversations.disconnected(start);
  conversations.connected(self, start, out);
  EXPECT_EQ(pulls_of(take_all(start)), 8U);
}

// Between lists: everything is answered, and so is the list that follows a login after a second.
class CatchUpTest : public ConversationsTest {
 protected:
  CatchUpTest() {
    auto pulls = take_all(start);
    while (!pulls.empty()) {
      for (const Request& pull : pulls)
        if (pull.verb == Verb::c2c_pull) answer(pull);
      pulls = take_all(start);
    }
    now = start + 10s;
    EXPECT_EQ(lists_asked(), 1);
    conversations.on_list({}, now, out);
  }
  std::ptrdiff_t lists_asked() {
    return std::ranges::count(take_all(now), Verb::c2c_conversations, &Request::verb);
  }

  Instant now{};
};

TEST_F(CatchUpTest, LooksAtItsListWithinTheTimeItIsTold) {
  conversations.catch_up(2s, now);
  EXPECT_LE(*conversations.next_due(), now + 2s);
  now += 2s;
  EXPECT_EQ(lists_asked(), 1);
}

TEST_F(CatchUpTest, AListThatIsUnderWayDoesNotCount) {
  conversations.catch_up(2s, now);
  now += 2s;
  ASSERT_EQ(lists_asked(), 1);
  conversations.catch_up(3s, now);
  EXPECT_EQ(lists_asked(), 0) << "one at a time";
  conversations.on_list({}, now, out);
  now += 3s;
  EXPECT_EQ(lists_asked(), 1);
  conversations.on_list({}, now, out);
  now += 100s;
  EXPECT_EQ(lists_asked(), 0) << "once";
}

TEST_F(CatchUpTest, AsksAgainForAListThatWasRefusedAfterTheHintNotToTheMillisecond) {
  conversations.catch_up(2s, now);
  now += 2s;
  std::set<Duration> pauses;
  for (int i = 0; i < 20; ++i) {
    ASSERT_EQ(lists_asked(), 1);
    conversations.on_list_failed(Error{Errc::retry_later, "", 30'000}, now);
    pauses.insert(*conversations.next_due() - now);
    now = *conversations.next_due();
  }
  EXPECT_GE(*pauses.begin(), 30s);
  EXPECT_LE(*pauses.rbegin(), 45s);
  EXPECT_GT(pauses.size(), 10U);
}

TEST_F(CatchUpTest, HasNothingToCatchUpWithOverALostConnection) {
  conversations.disconnected(now);
  conversations.catch_up(2s, now);
  now += 10s;
  EXPECT_EQ(lists_asked(), 0);
}

}  // namespace
}  // namespace parley::client
