// Who may ask what, over the real gateway and bus (RELIABILITY §5.2.1): every verb by everybody there is, one table. A
// verb that is added to verbs.def without a row here does not compile.
#include <algorithm>
#include <array>

#include "base/random.h"
#include "gateway/counts.h"
#include "proto/limits.h"
#include "tests/e2e/bad_input/business_desk.h"
#include "tests/e2e/bad_input/good_bodies.h"

namespace parley::test {
namespace {

// Everybody asks about the conversation of a member with another, and logs in as himself.
enum class Who {
  nobody,          // a handshake and nothing else
  member,
  other_member,
  stranger,        // a user whom the conversation does not concern
  revoked,         // has tried the tokens that a logout has ended
  expired,         // has tried tokens that are too old
  thief,           // has tried the member's tokens from another device
  logged_out,      // on the connection on which he did so
  replaced,        // on the connection that a newer login has ended
  revoked_live,    // on a connection whose device was logged out elsewhere
  business         // a business system's key, on the bus
};
constexpr std::size_t principals = 11;
constexpr std::array<const char*, principals> names{
    "nobody", "a member", "the other member", "a stranger", "one with revoked tokens",
    "one with expired tokens", "one with another device's tokens", "one who has logged out",
    "one who was replaced", "one who was revoked", "a business system"};

constexpr const char* reply = "reply";
constexpr const char* bad = "bad_request";
constexpr const char* nobody = "unauthenticated";
constexpr const char* never = "unsupported";
constexpr const char* absent = "not_found";
constexpr const char* wrong = "refused";
constexpr const char* deaf = "closed";
constexpr const char* nowhere = "no_service";

struct Row {
  Verb verb;
  std::array<const char*, principals> by;
};
constexpr auto verb_rows = std::to_array<Row>({
    // In the order of Who.
    {Verb::login_register,
     {reply, bad, bad, bad, reply, reply, reply, deaf, deaf, deaf, never}},
    {Verb::login_password,
     {reply, bad, bad, bad, reply, reply, reply, deaf, deaf, deaf, never}},
    {Verb::login_token,
     {wrong, bad, bad, bad, wrong, wrong, wrong, deaf, deaf, deaf, never}},
    {Verb::login_resume,
     {wrong, bad, bad, bad, wrong, wrong, wrong, deaf, deaf, deaf, never}},
    {Verb::login_logout,
     {nobody, reply, reply, reply, nobody, nobody, nobody, deaf, deaf, deaf, never}},
    {Verb::login_find,
     {nobody, reply, reply, reply, nobody, nobody, nobody, deaf, deaf, deaf, never}},
    {Verb::c2c_send,
     {nobody, reply, reply, absent, nobody, nobody, nobody, deaf, deaf, deaf, never}},
    {Verb::c2c_receipt,
     {nobody, reply, reply, absent, nobody, nobody, nobody, deaf, deaf, deaf, never}},
    {Verb::c2c_pull,
     {nobody, reply, reply, absent, nobody, nobody, nobody, deaf, deaf, deaf, never}},
    {Verb::c2c_history,
     {nobody, reply, reply, absent, nobody, nobody, nobody, deaf, deaf, deaf, never}},
    {Verb::c2c_conversations,
     {nobody, reply, reply, reply, nobody, nobody, nobody, deaf, deaf, deaf, never}},
    {Verb::push_publish,
     {never, never, never, never, never, never, never, deaf, deaf, deaf, reply}},
    {Verb::route_report,
     {never, never, never, never, never, never, never, deaf, deaf, deaf, never}},
    {Verb::app_request,
     {nobody, nowhere, nowhere, nowhere, nobody, nobody, nobody, deaf, deaf, deaf, never}},
    {Verb::event_subscribe,
     {never, never, never, never, never, never, never, deaf, deaf, deaf, reply}},
    {Verb::event_pull,
     {never, never, never, never, never, never, never, deaf, deaf, deaf, reply}},
    {Verb::event_unsubscribe,
     {never, never, never, never, never, never, never, deaf, deaf, deaf, reply}},
});

constexpr bool has_row(Verb verb) { return std::ranges::count(verb_rows, verb, &Row::verb) == 1; }
static_assert(std::ranges::all_of(verb_numbers, has_row), "each verb needs its row");
static_assert(std::size(verb_rows) == verb_numbers.size(), "and only verbs have one");

class Verbs : public BadClient {
 protected:
  void SetUp() override {
    BadClient::SetUp();
    SocketClient client = gateway().at(alice());
    ASSERT_EQ(outcome(client, Verb::c2c_send, send_body("the first"), conversation()), "reply");
  }

  // A connection on which `who` is ready to ask; `self` is whom he takes himself for.
  SocketClient as(Who who, Account& self);
  std::string ask(Who who, Verb verb);
  static void expect_refused(SocketClient& client, const Account& account);
};

void Verbs::expect_refused(SocketClient& client, const Account& account) {
  for (const Verb verb : {Verb::login_token, Verb::login_resume})
    EXPECT_EQ(outcome(client, verb, good_body(verb, account, account)), "refused");
}

SocketClient Verbs::as(Who who, Account& self) {
  SocketClient client = gateway().connect();
  Account elsewhere = self;
  switch (who) {
    case Who::nobody:
      EXPECT_TRUE(client.shake_hands());
      self.access_token = self.device_token = std::string(limits::token_bytes, 'x');
      break;
    case Who::revoked: {
      SocketClient last = gateway().at(self);
      EXPECT_EQ(outcome(last, Verb::login_logout, ""), "reply");
      break;
    }
    case Who::expired: {
      gateway().at(self);
      gateway().cluster().sql(
          "UPDATE parley.device SET access_expires_ms = 1, device_expires_ms = 1 WHERE account = " +
          std::to_string(self.user.value));
      break;
    }
    case Who::thief:
      gateway().at(self);
      self.device = DeviceId{secure_random_id()};
      break;
    default:
      EXPECT_TRUE(gateway().log_in(client, self));
  }
  switch (who) {
    case Who::revoked:
    case Who::expired:
    case Who::thief:
      EXPECT_TRUE(client.shake_hands());
      expect_refused(client, self);
      break;
    case Who::logged_out:
      EXPECT_EQ(outcome(client, Verb::login_logout, ""), "reply");
      EXPECT_EQ(outcome_of(client.receive()), "close");
      break;
    case Who::replaced: {
      elsewhere.device = DeviceId{secure_random_id()};
      SocketClient newer = gateway().at(elsewhere);
      EXPECT_EQ(outcome_of(client.receive()), "close replaced");
      break;
    }
    case Who::revoked_live: {
      // A newer session of the device logs out; this one hears of either.
      SocketClient newer = gateway().at(elsewhere);
      EXPECT_EQ(outcome(newer, Verb::login_logout, ""), "reply");
      EXPECT_TRUE(outcome_of(client.receive()).starts_with("close re"));
      break;
    }
    default:
      break;
  }
  return client;
}

std::string Verbs::ask(Who who, Verb verb) {
  if (who == Who::business) {
    BusinessDesk desk(gateway().cluster(), business_name);
    if (verb == Verb::event_pull)
      desk.ask(Verb::event_subscribe, good_body(Verb::event_subscribe, alice(), bob())).has_value();
    const auto answer = desk.ask(verb, good_body(verb, alice(), bob()));
    return answer ? "reply" : std::string(name_of(answer.error().code));
  }
  Account self = who == Who::other_member ? bob() : alice();
  if (who == Who::stranger) self = gateway().sign_up("eve");
  SocketClient client = as(who, self);
  const Account& peer = who == Who::other_member ? alice() : bob();
  return outcome(client, verb, good_body(verb, self, peer), conversation());
}

TEST_F(Verbs, AreAnsweredAsTheTableSaysWhoeverAsks) {
  for (const Row& row : verb_rows)
    for (std::size_t who = 0; who < principals; ++who)
      EXPECT_EQ(ask(static_cast<Who>(who), row.verb), row.by[who])
          << verb_info(static_cast<std::uint16_t>(row.verb))->name << " by " << names[who];
}

// What is not yours looks, to the byte, like what does not exist.
TEST_F(Verbs, WhatIsNotYoursLooksLikeWhatDoesNotExist) {
  Account eve = gateway().sign_up("eve");
  SocketClient client = gateway().at(eve);
  const std::uint64_t last_user = user_id_max;
  const std::uint64_t nobodys = direct_conversation(UserId{last_user - 1}, UserId{last_user}).value;
  for (const Verb verb : verb_numbers) {
    const auto info = verb_info(static_cast<std::uint16_t>(verb));
    if (info->key != KeyRule::target || info->caller != Caller::user) continue;
    const auto answer = [&](std::uint64_t target) {
      const auto frame = answer_to(client, verb, good_body(verb, eve, bob()), target);
      return frame ? std::to_string(static_cast<int>(frame->header.kind)) + frame->body : "closed";
    };
    const std::string foreign = answer(conversation());
    for (const std::uint64_t target : {nobodys, std::uint64_t{0}, ~std::uint64_t{0}})
      EXPECT_EQ(answer(target), foreign) << info->name << " " << target;
  }
}

TEST_F(Verbs, WrongPasswordsLookLikeUnknownNames) {
  SocketClient client = gateway().shaken();
  const auto answer = [&](const std::string& name) {
    const auto frame =
        answer_to(client, Verb::login_password, password_body(name, "not the password", alice()));
    return frame ? frame->body : "closed";
  };
  EXPECT_EQ(answer(alice().name), answer("nobody-" + std::to_string(secure_random_id())));
}

TEST_F(Verbs, UnknownOnesAreUnsupportedByWhomever) {
  SocketClient stranger = gateway().shaken();
  SocketClient client = gateway().at(alice());
  constexpr std::uint16_t unknown[] = {0x0000, 0x0001, 0x0100, 0x01ff, 0x0207,
                                       0x0281, 0x0682, 0x0a01, 0x7fff, 0xffff};
  for (const std::uint16_t verb : unknown)
    for (SocketClient* who : {&stranger, &client})
      EXPECT_EQ(outcome_of(answer_to(*who, verb, "", conversation())), "unsupported") << verb;
}

}  // namespace
}  // namespace parley::test
