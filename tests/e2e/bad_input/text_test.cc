// Text that is none, or that deceives its readers (RELIABILITY §4.1, "text"): names are refused, messages
// are theirs who write them and come back byte for byte; and no log shows any of it (BadClient looks).
#include <fmt/format.h>

#include "base/random.h"
#include "proto/c2c.pb.h"
#include "proto/limits.h"
#include "tests/e2e/bad_input/besieged_gateway.h"

namespace parley::test {
namespace {

struct Row {
  const char* what;
  std::string text;
  const char* as_name;     // when somebody calls himself so
  const char* as_message;
};

std::string repeated(std::string_view part, std::size_t times) {
  std::string text;
  for (std::size_t i = 0; i < times; ++i) text += part;
  return text;
}

// Each with letters that make it a name that nobody has.
std::vector<Row> texts() {
  const std::string own = fmt::format("{:08x}", secure_random_id() >> 32);
  const char* bad = "bad_request";
  const char* good = "reply";
  return {
      {"plain", "plain" + own, good, good},
      {"Chinese", "\u804a\u5929" + own, good, good},
      {"emoji of several code points", "\U0001F44D\U0001F3FD" + own, good, good},
      {"a combining accent (NFD)", "e\u0301" + own, good, good},
      {"a letter with an accent (NFC)", "\u00e9" + own, good, good},
      {"a lone continuation", "a\x80" + own, bad, bad},
      {"an overlong slash", "\xc0\xaf" + own, bad, bad},
      {"an overlong NUL", "\xc0\x80" + own, bad, bad},
      {"a surrogate", "\xed\xa0\x80" + own, bad, bad},
      {"a pair of surrogates", "\xed\xa0\xbd\xed\xb8\x80" + own, bad, bad},
      {"beyond U+10FFFF", "\xf4\x90\x80\x80" + own, bad, bad},
      {"five bytes", "\xf8\x88\x80\x80\x80" + own, bad, bad},
      {"an emoji that is cut", own + "\xf0\x9f\x98", bad, bad},
      {"UTF-16", std::string("\xff\xfe" "a\0", 4) + own, bad, bad},
      {"NUL", std::string("a\0b", 3) + own, bad, bad},
      {"a byte order mark", "\ufeff" + own, bad, good},
      {"right to left override", "\u202e" + own, bad, good},
      {"an isolate", "\u2066" + own + "\u2069", bad, good},
      {"a zero-width space", "a\u200b" + own, bad, good},
      {"a zero-width joiner", "a\u200d" + own, bad, good},
      {"a word joiner", "a\u2060" + own, bad, good},
      {"a soft hyphen", "a\u00ad" + own, bad, good},
      {"a line separator", "a\u2028" + own, bad, good},
      {"CR LF", "a\r\n" + own, bad, good},
      {"a forged line of a log", "a\n{\"level\":\"error\",\"event\":\"forged\"}" + own, bad, good},
      {"an escape sequence", "\x1b[2J\x1b]0;owned\x07" + own, bad, good},
      {"DEL", "a\x7f" + own, bad, good},
      {"C1: NEL", "a\u0085" + own, bad, good},
      {"C1: CSI", "a\u009b2J" + own, bad, good},
      {"a space before it", " " + own, bad, good},
      {"a space behind it", own + " ", bad, good},
      {"many combining marks", own + repeated("\u0301", 8'000), bad, good},
      {"the longest name", own + std::string(limits::user_name_max - own.size(), 'n'), good, good},
      {"a name too long", std::string(limits::user_name_max + 1, 'n'), bad, good},
      {"a business system's name", "service:" + own, bad, good},
      {"the same, shouted", "SERVICE:" + own, bad, good},
      {"the longest message", std::string(limits::text_max, 'x'), bad, good},
      {"a message too long", std::string(limits::text_max + 1, 'x'), bad, "too_large"},
      {"nothing", "", bad, bad},
      {"SQL", own + "'; DROP TABLE account; --", good, good},
      {"a format string", own + "%s%n{}{0}", good, good},
      {"markup", own + "<script>alert(1)</script>", good, good},
  };
}

class Texts : public BadClient {
 protected:
  std::string registered_as(const std::string& name, const std::string& nickname = {}) {
    SocketClient client = gateway().shaken();
    wire::RegisterRequest request;
    request.set_name(name);
    request.set_nickname(nickname);
    request.set_password(BesiegedGateway::password);
    return outcome(client, Verb::login_register, request.SerializeAsString());
  }
};

TEST_F(Texts, AreNamesOrRefused) {
  for (const Row& row : texts()) {
    // A record of that size ends the connection before anybody looks at the name.
    const bool too_long = row.text.size() > limits::frame_before_login_max;
    EXPECT_EQ(registered_as(row.text), too_long ? "closed" : row.as_name) << row.what;
    if (too_long || row.text.empty() || row.text.size() > limits::user_name_max) continue;
    const std::string name = fmt::format("nick-{:016x}", secure_random_id());
    const bool is_service = row.text.size() > 8 && (row.text[0] == 's' || row.text[0] == 'S');
    EXPECT_EQ(registered_as(name, row.text), is_service ? "reply" : row.as_name) << row.what;
  }
  expect_served();
}

TEST_F(Texts, ThatAreNoNamesCannotLogInAndAreNotFound) {
  SocketClient user = gateway().at(alice());
  for (const Row& row : texts()) {
    if (row.text.size() > 1'900 || std::string(row.as_name) == "reply") continue;
    SocketClient client = gateway().shaken();
    const std::string got = outcome(
        client, Verb::login_password, password_body(row.text, "whatever it is", alice()));
    const bool is_service = row.text.size() > 8 && (row.text[0] == 's' || row.text[0] == 'S');
    EXPECT_EQ(got, is_service ? "refused" : "bad_request") << row.what;
  }
}

TEST_F(Texts, AreMessagesAndComeBackByteForByteOrAreRefused) {
  SocketClient client = gateway().at(alice());
  for (const Row& row : texts()) {
    EXPECT_EQ(outcome(client, Verb::c2c_send, send_body(row.text), conversation()), row.as_message)
        << row.what;
    if (std::string(row.as_message) != "reply") continue;
    wire::HistoryRequest newest;
    newest.set_limit(1);
    const auto page =
        answer_to(client, Verb::c2c_history, newest.SerializeAsString(), conversation());
    ASSERT_TRUE(page);
    wire::EntriesReply reply;
    ASSERT_TRUE(reply.ParseFromString(page->body) && reply.entries_size() == 1) << row.what;
    EXPECT_EQ(reply.entries(0).body(), row.text) << row.what;
  }
}

TEST_F(Texts, OfACustomKindMayBeAnyBytes) {
  SocketClient client = gateway().at(alice());
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
  wire::SendRequest request;
  ASSERT_TRUE(request.ParseFromString(send_body("x")));
  request.set_kind(wire::MESSAGE_KIND_CUSTOM);
  request.set_body(all);
  EXPECT_EQ(outcome(client, Verb::c2c_send, request.SerializeAsString(), conversation()), "reply");
}

// Case folds in ASCII and nothing else does: what looks alike otherwise are two names.
TEST_F(Texts, ThatDifferInAsciiCaseAreOneNameAndComposedOrNotAreTwo) {
  const std::string own = fmt::format("{:08x}", secure_random_id() >> 32);
  EXPECT_EQ(registered_as("twin" + own), "reply");
  EXPECT_EQ(registered_as("TWIN" + own), "conflict");
  EXPECT_EQ(registered_as("caf\u00e9" + own), "reply");
  EXPECT_EQ(registered_as("cafe\u0301" + own), "reply");
  EXPECT_EQ(registered_as("CAF\u00e9" + own), "conflict");
}

TEST_F(Texts, OfPasswordsAreTakenAsTheyAre) {
  const auto with = [&](const std::string& secret) {
    SocketClient client = gateway().shaken();
    wire::RegisterRequest request;
    request.set_name(fmt::format("pass-{:016x}", secure_random_id()));
    request.set_password(secret);
    const std::string got = outcome(client, Verb::login_register, request.SerializeAsString());
    if (got != "reply") return got;
    EXPECT_EQ(outcome(client, Verb::login_password,
                      password_body(request.name(), "another password", alice())),
              "refused");
    EXPECT_EQ(outcome(client, Verb::login_password,
                      password_body(request.name(), secret, alice())),
              "reply");
    return got;
  };
  EXPECT_EQ(with("  spaces  "), "reply");
  EXPECT_EQ(with(std::string("nul\0within", 10)), "reply");
  EXPECT_EQ(with("\u202e\u200b\x1b[2J\r\n"), "reply");
  EXPECT_EQ(with(std::string(limits::password_max, 'x')), "reply");
  EXPECT_EQ(with(std::string(limits::password_max + 1, 'x')), "bad_request");
  EXPECT_EQ(with("seven77"), "bad_request");
  EXPECT_EQ(with("\xff\xfe\xff\xfe\xff\xfe\xff\xfe"), "bad_request");
  EXPECT_EQ(with("password"), "bad_request");
}

}  // namespace
}  // namespace parley::test
