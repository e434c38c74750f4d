// Requests that are well formed and make no sense (RELIABILITY §4.1, "semantics"): each has its code, and
// what is refused changes nothing.
#include <fmt/format.h>

#include <set>

#include "base/random.h"
#include "proto/c2c.pb.h"
#include "proto/limits.h"
#include "tests/e2e/bad_input/besieged_gateway.h"

namespace parley::test {
namespace {

class Semantics : public BadClient {
 protected:
  void SetUp() override {
    BadClient::SetUp();
    carol_ = gateway().sign_up("carol");
    dave_ = gateway().sign_up("dave");
    carol.emplace(gateway().at(carol_));
    dave.emplace(gateway().at(dave_));
    target = direct_conversation(carol_.user, dave_.user).value;
  }
  void TearDown() override {
    carol.reset();
    dave.reset();
    BadClient::TearDown();
  }

  std::uint64_t send(SocketClient& client, const std::string& text, const std::string& id = {}) {
    wire::SendReply reply;
    const auto frame = answer_to(client, Verb::c2c_send, send_body(text, id), target);
    EXPECT_TRUE(outcome_of(frame) == "reply" && reply.ParseFromString(frame->body)) << text;
    return reply.seq();
  }
  // received, read as they stand after it.
  std::pair<std::uint64_t, std::uint64_t> receipt(std::uint64_t received, std::uint64_t read) {
    wire::ReceiptRequest request;
    request.set_received(received);
    request.set_read(read);
    wire::ReceiptReply reply;
    const auto frame = answer_to(*dave, Verb::c2c_receipt, request.SerializeAsString(), target);
    EXPECT_TRUE(outcome_of(frame) == "reply" && reply.ParseFromString(frame->body));
    return {reply.received(), reply.read()};
  }
  wire::EntriesReply entries(Verb verb, const std::string& body) {
    wire::EntriesReply reply;
    const auto frame = answer_to(*carol, verb, body, target);
    EXPECT_TRUE(outcome_of(frame) == "reply" && reply.ParseFromString(frame->body));
    return reply;
  }
  static std::string pull(std::uint64_t from, std::uint64_t to) {
    wire::PullRequest request;
    request.set_from(from);
    request.set_to(to);
    return request.SerializeAsString();
  }
  static std::string history(std::uint64_t before, std::uint32_t limit) {
    wire::HistoryRequest request;
    request.set_before(before);
    request.set_limit(limit);
    return request.SerializeAsString();
  }

  Account carol_, dave_;
  std::optional<SocketClient> carol, dave;
  std::uint64_t target = 0;
};

using Moved = std::pair<std::uint64_t, std::uint64_t>;

TEST_F(Semantics, AMessageNeedsAnotherPersonWhoExists) {
  const std::uint64_t me = carol_.user.value;
  const std::uint64_t him = dave_.user.value;
  struct Row {
    const char* what;
    std::uint64_t target;
  };
  for (const Row& row : {Row{"oneself", (me << 31) | me}, Row{"nobody", 0}, Row{"half an id", me},
                         Row{"the other way round", (him << 31) | me},
                         Row{"nobody and him", him}, Row{"all ones", ~0ULL},
                         Row{"2^63", 1ULL << 63}, Row{"2^62", 1ULL << 62},
                         Row{"a user who is not there",
                             direct_conversation(carol_.user, UserId{user_id_max}).value},
                         Row{"two others", conversation()}}) {
    EXPECT_EQ(outcome(*carol, Verb::c2c_send, send_body("hello?"), row.target), "not_found")
        << row.what;
  }
  EXPECT_TRUE(entries(Verb::c2c_history, history(0, 10)).entries().empty()) << "nothing was stored";
}

TEST_F(Semantics, AMessagesIdStandsForOneMessageOfOneSenderInOneConversation) {
  const std::string id = fmt::format("{:016x}", secure_random_id());
  const std::uint64_t seq = send(*carol, "the first", id);
  EXPECT_EQ(send(*carol, "the first", id), seq);
  EXPECT_EQ(outcome(*carol, Verb::c2c_send, send_body("another", id), target), "conflict");
  wire::SendRequest other_kind;
  ASSERT_TRUE(other_kind.ParseFromString(send_body("the first", id)));
  other_kind.set_kind(wire::MESSAGE_KIND_CUSTOM);
  EXPECT_EQ(outcome(*carol, Verb::c2c_send, other_kind.SerializeAsString(), target), "conflict");
  EXPECT_EQ(send(*dave, "the first", id), seq + 1) << "his ids are his";
  EXPECT_EQ(outcome(*carol, Verb::c2c_send, send_body("elsewhere", id),
                    direct_conversation(carol_.user, alice().user).value), "reply");
  EXPECT_EQ(entries(Verb::c2c_history, history(0, 10)).entries_size(), 2);
}

TEST_F(Semantics, CursorsMoveForwardAndNotBeyondTheEnd) {
  EXPECT_EQ(outcome(*dave, Verb::c2c_receipt, "", target), "not_found") << "nothing was ever sent";
  for (int i = 0; i < 5; ++i) send(*carol, "one more");
  EXPECT_EQ(receipt(3, 2), Moved(3, 2));
  EXPECT_EQ(receipt(1, 1), Moved(3, 2)) << "backwards";
  EXPECT_EQ(receipt(0, 0), Moved(3, 2)) << "unchanged";
  EXPECT_EQ(receipt(0, 4), Moved(4, 4)) << "what is read has been received";
  EXPECT_EQ(receipt(6, 0), Moved(5, 4)) << "beyond the end";
  EXPECT_EQ(receipt(~0ULL, 1ULL << 63), Moved(5, 5)) << "negative, if it were signed";
  EXPECT_EQ(receipt(1ULL << 62, 2), Moved(5, 5));
  EXPECT_EQ(outcome(*dave, Verb::c2c_receipt, "", conversation()), "not_found") << "of others";
}

TEST_F(Semantics, RangesGiveWhatIsThere) {
  for (int i = 0; i < 5; ++i) send(*carol, "one more");
  struct Row {
    std::uint64_t from, to;
    int entries;  // -1: bad_request
  };
  const std::uint64_t most = ~0ULL;
  for (const Row& row :
       {Row{1, 5, 5}, Row{1, 1, 1}, Row{5, 5, 1}, Row{5, 6, 1}, Row{6, 6, 0}, Row{6, 9, 0},
        Row{1, most, 5}, Row{3, 1ULL << 63, 3}, Row{most, most, 0}, Row{1ULL << 63, most, 0},
        Row{(1ULL << 63) - 1, 1ULL << 63, 0}, Row{0, 5, -1}, Row{0, 0, -1}, Row{2, 1, -1},
        Row{most, 1, -1}, Row{6, 5, -1}}) {
    const std::string body = pull(row.from, row.to);
    if (row.entries < 0) {
      EXPECT_EQ(outcome(*carol, Verb::c2c_pull, body, target), "bad_request")
          << row.from << " " << row.to;
      continue;
    }
    const auto reply = entries(Verb::c2c_pull, body);
    EXPECT_EQ(reply.entries_size(), row.entries) << row.from << " " << row.to;
    EXPECT_EQ(reply.head(), 5U);
    EXPECT_FALSE(reply.more());
  }
}

TEST_F(Semantics, PagesOfHistoryAreCut) {
  for (int i = 0; i < 5; ++i) send(*carol, "one more");
  struct Row {
    std::uint64_t before;
    std::uint32_t limit;
    int entries;
  };
  for (const Row& row : {Row{0, 1, 1}, Row{0, 200, 5}, Row{0, 201, 5}, Row{0, ~0U, 5},
                         Row{1, 10, 0}, Row{2, 10, 1}, Row{6, 10, 5}, Row{99, 10, 5},
                         Row{~0ULL, 10, 5}, Row{1ULL << 63, 10, 5}})
    EXPECT_EQ(entries(Verb::c2c_history, history(row.before, row.limit)).entries_size(),
              row.entries) << row.before << " " << row.limit;
  EXPECT_EQ(outcome(*carol, Verb::c2c_history, history(0, 0), target), "bad_request");
}

TEST_F(Semantics, ListsOfConversationsEnd) {
  send(*carol, "the first");
  const auto listed = [&](std::uint64_t after, std::uint32_t limit) {
    wire::ConversationsRequest request;
    request.set_after(after);
    request.set_limit(limit);
    wire::ConversationsReply reply;
    const auto frame = answer_to(*carol, Verb::c2c_conversations, request.SerializeAsString());
    EXPECT_TRUE(outcome_of(frame) == "reply" && reply.ParseFromString(frame->body));
    return reply.conversations_size();
  };
  EXPECT_EQ(listed(0, 200), 1);
  EXPECT_EQ(listed(target - 1, 1), 1);
  for (const std::uint64_t after : {target, target + 1, std::uint64_t{1} << 63, ~std::uint64_t{0}})
    EXPECT_EQ(listed(after, 200), 0) << after;
}

TEST_F(Semantics, LookingUpFindsThoseWhoExistOnce) {
  wire::FindRequest request;
  for (const std::uint64_t id : {std::uint64_t{0}, dave_.user.value, dave_.user.value,
                                 std::uint64_t{1} << 31, std::uint64_t{1} << 63, ~std::uint64_t{0}})
    request.add_users(id);
  request.add_names(dave_.name);
  request.add_names("nobody has this name");
  request.add_names("");
  request.add_names("\x1b[2J");
  const auto frame = answer_to(*carol, Verb::login_find, request.SerializeAsString());
  wire::FindReply reply;
  ASSERT_TRUE(outcome_of(frame) == "reply" && reply.ParseFromString(frame->body));
  ASSERT_EQ(reply.profiles_size(), 1);
  EXPECT_EQ(reply.profiles(0).user(), dave_.user.value);
}

TEST_F(Semantics, ANumberThatIsInUseIsNotTakenAgain) {
  // Both are read in one turn, so the first cannot have been answered.
  const auto ask = [&] {
    return carol->channel().request(Verb::c2c_history, 77, history(0, 1), target);
  };
  const std::string first = ask();
  ASSERT_TRUE(carol->send(first + ask()));
  std::multiset<std::string> outcomes{outcome_of(carol->receive()), outcome_of(carol->receive())};
  EXPECT_EQ(outcomes, (std::multiset<std::string>{"bad_request", "reply"}));
}

TEST_F(Semantics, TargetsOfVerbsWithoutOneMeanNothing) {
  for (const std::uint64_t other : {std::uint64_t{1}, conversation(), ~std::uint64_t{0}}) {
    EXPECT_EQ(outcome(*carol, Verb::login_find, "", other), "reply");
    EXPECT_EQ(outcome(*carol, Verb::c2c_conversations, history(0, 1), other), "reply");
  }
}

TEST_F(Semantics, AppsThatNobodyOffersAreNowhere) {
  for (const std::uint64_t app : {std::uint64_t{0}, std::uint64_t{1}, ~std::uint64_t{0}})
    EXPECT_EQ(outcome(*carol, Verb::app_request, "anything", app), "no_service");
  EXPECT_EQ(outcome(*carol, Verb::app_request, std::string(20'481, 'x'), 1), "too_large");
}

}  // namespace
}  // namespace parley::test
