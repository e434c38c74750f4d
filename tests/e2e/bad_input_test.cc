// What must be refused, over the real gateway; and that nobody else notices.
#include <gmock/gmock.h>

#include "tests/e2e/people.h"
#include "tests/e2e/raw_client.h"

namespace parley::test {
namespace {

namespace wire = client::wire_format;

class BadInputTest : public PeopleTest {
 protected:
  // Everybody else goes on as if nothing had happened.
  void TearDown() override {
    ASSERT_TRUE(alice()->send(bob().user(), "still here", soon));
    ASSERT_TRUE(bob()->run_until(soon, [&] {
      return !bob()->entries().empty() && bob()->entries().back().body == "still here";
    }));
  }

  // A connection on which `device`'s user is logged in, with a device of its own class.
  void log_in(RawClient& raw, const Device& device) {
    ASSERT_TRUE(raw.connect());
    const auto login = raw.ask(Verb::login_password, 0,
                               wire::password(device.name(), Device::password,
                                              {DeviceId{secure_random_id()},
                                               client::DeviceClass::web}));
    ASSERT_TRUE(login) << name_of(login.error().code);
  }

  static Errc error_of(const Result<std::string>& answer) {
    EXPECT_FALSE(answer) << "it was not refused";
    return answer ? Errc::internal : answer.error().code;
  }
};

TEST_F(BadInputTest, ServerThatDoesNotHoldThePinnedKeyIsNotTalkedTo) {
  World wrong(cluster());
  wrong.server.key = generate_server_key(wrong.server.id).public_key;
  RawClient client(wrong);
  EXPECT_FALSE(client.connect());
  EXPECT_EQ(client.wait_for_close(), Errc::disconnected) << "the server sees it first";
}

TEST_F(BadInputTest, WrongPasswordAndUnknownUserLookAlike) {
  Device wrong(world(), alice().name());
  const Status wrong_password = wrong.log_in("not the password");
  Device nobody(world(), unique_name("nobody"));
  const Status unknown_user = nobody.log_in(Device::password);
  ASSERT_FALSE(wrong_password);
  ASSERT_FALSE(unknown_user);
  EXPECT_EQ(wrong_password.error().code, Errc::refused);
  EXPECT_EQ(unknown_user.error().code, Errc::refused);
}

TEST_F(BadInputTest, TokenIsOfNoUseToAnotherDevice) {
  const auto stolen = alice().log().identity().value()->device_token;
  for (const DeviceId device : {bob().log().identity().value()->device, DeviceId{4711}}) {
    RawClient thief(world());
    ASSERT_TRUE(thief.connect());
    EXPECT_EQ(error_of(thief.ask(Verb::login_resume, 0, wire::resume(stolen, {device}))),
              Errc::refused);
  }
}

TEST_F(BadInputTest, SameMessageTwiceIsOneMessageWithOneAnswer) {
  RawClient raw(world());
  log_in(raw, alice());
  const std::string body =
      wire::send({client::new_message_id(), conversation(), client::MessageKind::text, "once"});
  const auto first = raw.ask(Verb::c2c_send, conversation().value, body);
  const auto second = raw.ask(Verb::c2c_send, conversation().value, body);
  ASSERT_TRUE(first && second);
  EXPECT_EQ(*first, *second);
}

TEST_F(BadInputTest, ReusedMessageIdWithAnotherBodyIsAConflict) {
  RawClient raw(world());
  log_in(raw, alice());
  const ClientMessageId id = client::new_message_id();
  const auto send = [&](const std::string& text) {
    return raw.ask(Verb::c2c_send, conversation().value,
                   wire::send({id, conversation(), client::MessageKind::text, text}));
  };
  ASSERT_TRUE(send("the first"));
  EXPECT_EQ(error_of(send("another")), Errc::conflict);
}

TEST_F(BadInputTest, ConversationOfOthersDoesNotExist) {
  ASSERT_TRUE(alice()->send(bob().user(), "for bob alone", soon));
  Device eve(world(), unique_name("eve"));
  ASSERT_TRUE(eve.sign_up());
  RawClient raw(world());
  log_in(raw, eve);
  const std::uint64_t target = conversation().value;
  EXPECT_EQ(error_of(raw.ask(Verb::c2c_history, target, wire::history(Seq{}, 10))),
            Errc::not_found);
  EXPECT_EQ(error_of(raw.ask(Verb::c2c_pull, target, wire::pull(Seq{1}, Seq{2}))), Errc::not_found);
  EXPECT_EQ(error_of(raw.ask(Verb::c2c_send, target,
                             wire::send({client::new_message_id(), conversation(),
                                         client::MessageKind::text, "let me in"}))),
            Errc::not_found);
  EXPECT_EQ(error_of(raw.ask(Verb::c2c_receipt, target, wire::receipt({Seq{1}, Seq{1}}))),
            Errc::not_found);
}

TEST_F(BadInputTest, NobodyButTheUsersOfAccountsCanBeWrittenTo) {
  RawClient raw(world());
  log_in(raw, alice());
  for (const std::uint64_t target :
       {std::uint64_t{0}, std::uint64_t{1}, ~std::uint64_t{0}, std::uint64_t{1} << 62,
        direct_conversation(alice().user(), UserId{user_id_max}).value,
        (alice().user().value << 31) | alice().user().value})
    EXPECT_EQ(error_of(raw.ask(Verb::c2c_send, target,
                               wire::send({client::new_message_id(), ConversationId{target},
                                           client::MessageKind::text, "anybody?"}))),
              Errc::not_found)
        << target;
}

TEST_F(BadInputTest, TextThatIsNoTextIsRefused) {
  RawClient raw(world());
  log_in(raw, alice());
  const std::string overlong = "\xc0\xaf";
  for (const std::string& text : {std::string("a\0b", 3), std::string("\xff\xfe"), overlong,
                                  std::string("\xed\xa0\x80"), std::string()})
    EXPECT_EQ(error_of(raw.ask(Verb::c2c_send, conversation().value,
                               wire::send({client::new_message_id(), conversation(),
                                           client::MessageKind::text, text}))),
              Errc::bad_request);
}

TEST_F(BadInputTest, TextBeyondTheLimitIsTooLarge) {
  RawClient raw(world());
  log_in(raw, alice());
  for (const std::size_t size : {limits::text_max + 1, std::size_t{30'000}})
    EXPECT_EQ(error_of(raw.ask(Verb::c2c_send, conversation().value,
                               wire::send({client::new_message_id(), conversation(),
                                           client::MessageKind::text, std::string(size, 'x')}))),
              Errc::too_large);
}

TEST_F(BadInputTest, BodiesThatAreNoProtobufAreRefused) {
  RawClient raw(world());
  log_in(raw, alice());
  for (const Verb verb : {Verb::c2c_send, Verb::c2c_history, Verb::c2c_pull, Verb::c2c_receipt})
    EXPECT_EQ(error_of(raw.ask(verb, conversation().value, "\xff\xff\xff\xff")), Errc::bad_request);
  EXPECT_EQ(error_of(raw.ask(Verb::login_find, 0, "\x0a\x7f")), Errc::bad_request);
}

TEST_F(BadInputTest, NothingIsAnsweredBeforeLoginAndUnknownVerbsNever) {
  RawClient raw(world());
  ASSERT_TRUE(raw.connect());
  EXPECT_EQ(error_of(raw.ask(Verb::c2c_history, conversation().value, wire::history(Seq{}, 1))),
            Errc::unauthenticated);
  EXPECT_EQ(error_of(raw.ask(0x7fff, 0, "")), Errc::unsupported);
  EXPECT_EQ(error_of(raw.ask(Verb::route_report, 0, "")), Errc::unsupported);
}

TEST_F(BadInputTest, GarbageInTheChannelEndsTheConnection) {
  RawClient raw(world());
  log_in(raw, alice());
  raw.write_unsealed(std::string("\x78\x00", 2).append(0x78, 'x'));
  EXPECT_EQ(raw.wait_for_close(), Errc::disconnected) << "no word to somebody without the key";
}

TEST_F(BadInputTest, NameThatIsTakenIsAConflictWhateverItsCase) {
  RawClient raw(world());
  ASSERT_TRUE(raw.connect());
  std::string shouted = alice().name();
  for (char& c : shouted) c = static_cast<char>(std::toupper(c));
  EXPECT_EQ(error_of(raw.ask(Verb::login_register, 0,
                             wire::register_account(shouted, "another password", ""))),
            Errc::conflict);
}

TEST_F(BadInputTest, AccountsNeedANameAndAPasswordWorthTheWord) {
  RawClient raw(world());
  ASSERT_TRUE(raw.connect());
  const auto answer = [&](const std::string& name, const std::string& password) {
    return error_of(raw.ask(Verb::login_register, 0, wire::register_account(name, password, "")));
  };
  EXPECT_EQ(answer("", Device::password), Errc::bad_request);
  EXPECT_EQ(answer(unique_name("short"), "seven77"), Errc::bad_request);
  EXPECT_EQ(answer(std::string("nul\0name", 8), Device::password), Errc::bad_request);
  EXPECT_EQ(answer(std::string(limits::user_name_max + 1, 'n'), Device::password),
            Errc::bad_request);
}

}  // namespace
}  // namespace parley::test
