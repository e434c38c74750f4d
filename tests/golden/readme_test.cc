// proto/README.md says what the code does: its worked example byte by byte, its tables line by line.
// Somebody writes a client from it without seeing anything else.
#include <gtest/gtest.h>

#include <cstdio>
#include <regex>
#include <sstream>

#include "base/error.h"
#include "proto/limits.h"
#include "proto/noise.h"
#include "proto/verbs.h"
#include "tests/golden/example_channel.h"
#include "tests/golden/samples.h"
#include "tests/unit/proto/hex.h"

namespace parley {
namespace {

using test::hex;
using test::Samples;

const std::string& readme() {
  static const std::string text = test::source_file("proto/README.md");
  return text;
}

// The first table row that begins with this cell; empty if there is none.
std::string row_of(const std::string& cell) {
  const std::string start = "\n| " + cell;
  const std::size_t at = readme().find(start);
  if (at == std::string::npos) return {};
  return readme().substr(at + 1, readme().find('\n', at + 1) - at - 1);
}

void expect_row(const std::string& cell, const std::vector<std::string>& parts) {
  const std::string row = row_of(cell);
  ASSERT_NE(row, "") << "no row for " << cell;
  for (const std::string& part : parts)
    EXPECT_NE(row.find(part), std::string::npos) << row << "\nlacks " << part;
}

std::string code(std::string_view name) { return "`" + std::string(name) + "`"; }

std::string number_text(std::uint16_t number) {
  char text[8];
  std::snprintf(text, sizeof text, "0x%04x", number);
  return text;
}

std::string with_commas(std::uint64_t number) {
  std::string text = std::to_string(number);
  for (std::size_t at = text.size(); at > 3; at -= 3) text.insert(at - 3, 1, ',');
  return text;
}

Samples example() { return test::parse_samples(test::sample_blocks(readme())); }

// The values between two Diffie-Hellmans are inside noise.cc; worked_example.py computes all of them.
TEST(Readme, ShowsTheHandshakeAsTheCodeDoesIt) {
  init_crypto();
  const ServerKey key = test::example_server_key();
  const std::string prologue = test::unhex(example()["prologue"]);
  noise::State state = noise::begin(prologue, key.public_key);
  Samples computed{{"server_secret", hex(key.secret_key)},
                   {"server_public", hex(key.public_key)},
                   {"client_ephemeral_secret", hex(test::example_client_ephemeral)},
                   {"server_ephemeral_secret", hex(test::example_server_ephemeral)},
                   {"h_2", hex(state.hash)}};
  std::string first;
  ASSERT_TRUE(noise::write_first(state, key.public_key, test::example_client_ephemeral, {}, first));
  computed["hello"] = hex(prologue + first);
  computed["ck_1"] = hex(state.chaining_key);
  computed["h_4"] = hex(state.hash);
  std::string answer;
  ASSERT_TRUE(noise::write_second(state, public_key_of(test::example_client_ephemeral),
                                  test::example_server_ephemeral, {}, answer));
  computed["answer"] = hex(answer);
  computed["ck_2"] = hex(state.chaining_key);
  computed["h_6"] = hex(state.hash);
  noise::TransportKeys keys = noise::split(state);
  computed["key_to_server"] = hex(keys.to_responder);
  computed["key_to_client"] = hex(keys.to_initiator);
  noise::rekey(keys.to_responder);
  computed["key_to_server_2"] = hex(keys.to_responder);
  test::expect_contains(example(), computed);
}

TEST(Readme, ShowsTheRecordsAsTheChannelWritesThem) {
  auto [hello, answer, client, server] = test::example_handshake();
  std::string ping;
  std::string pong;
  std::string second;
  client.seal({.kind = FrameKind::ping, .number = 1}, {}, ping, Instant{});
  server.seal({.kind = FrameKind::pong, .number = 1}, {}, pong, Instant{});
  client.seal({.kind = FrameKind::ping, .number = 2}, {}, second,
              Instant{} + std::chrono::milliseconds(limits::rekey_after_ms));
  Samples shown = example();
  EXPECT_EQ(shown["hello"], hex(hello));
  EXPECT_EQ(shown["answer"], hex(answer));
  EXPECT_EQ(shown["ping_record"], hex(ping));
  EXPECT_EQ(shown["pong_record"], hex(pong));
  EXPECT_EQ(shown["rekey_record"] + shown["ping_record_2"], hex(second));
}

std::string when(Caller caller) {
  switch (caller) {
    case Caller::anonymous: return "before login";
    case Caller::user: return "logged in";
    case Caller::gateway: return "between gateways";
    case Caller::business: return "business system";
  }
  return {};
}

TEST(Readme, ListsEveryVerb) {
  for (unsigned number = 0; number <= UINT16_MAX; ++number) {
    const auto verb = verb_info(static_cast<std::uint16_t>(number));
    if (!verb) continue;
    expect_row(code(verb->name),
               {"| " + number_text(static_cast<std::uint16_t>(number)) + " |", when(verb->caller),
                "| " + std::to_string(verb->body_max) + " |"});
  }
}

TEST(Readme, ListsEveryNotice) {
  for (unsigned number = 0; number <= UINT16_MAX; ++number) {
    const auto notice = notice_info(static_cast<std::uint16_t>(number));
    if (!notice) continue;
    const std::string text = number_text(static_cast<std::uint16_t>(number));
    if (notice->receiver == Receiver::client) {
      expect_row(code(notice->name), {"| " + text + " |"});
    } else {
      const std::string mention = code(notice->name) + " (" + text + ")";
      EXPECT_NE(readme().find(mention), std::string::npos) << mention;
    }
  }
}

TEST(Readme, HasTheErrorTableOfTheCode) {
#define PARLEY_ERROR(name, number, retryable, text)                                          \
  EXPECT_EQ(row_of(code(#name) + " | "),                                                     \
            "| `" #name "` | " #number " | " + std::string(retryable ? "yes" : "no") + " | " \
                text " |");
#include "base/error.def"
#undef PARLEY_ERROR
}

// "message Name {" … "  type field = 3;" of a .proto file: name → {"3 field", …}.
std::map<std::string, std::vector<std::string>> messages_of(const std::string& file) {
  static const std::regex opening(R"(^message (\w+) \{(\}?))");
  static const std::regex field(R"(^\s+(?:repeated )?\w+ (\w+) = (\d+);)");
  std::map<std::string, std::vector<std::string>> messages;
  std::istringstream lines(test::source_file("proto/" + file));
  std::string name;
  for (std::string line; std::getline(lines, line);) {
    std::smatch match;
    if (std::regex_search(line, match, opening)) {
      name = match[1];
      messages[name];
      if (match[2] == "}") name.clear();
    } else if (line.starts_with("}")) {
      name.clear();
    } else if (!name.empty() && std::regex_search(line, match, field)) {
      messages[name].push_back(match[2].str() + " " + match[1].str());
    }
  }
  return messages;
}

TEST(Readme, ListsEveryMessageWithItsFields) {
  for (const char* file : {"login.proto", "c2c.proto"}) {
    const auto messages = messages_of(file);
    EXPECT_GT(messages.size(), 10U) << file;
    for (const auto& [name, fields] : messages) {
      if (fields.empty()) {
        EXPECT_NE(readme().find(code(name)), std::string::npos) << name;
        continue;
      }
      std::vector<std::string> parts;
      for (const std::string& field : fields) parts.push_back("`" + field + "`");
      expect_row(code(name), parts);
    }
  }
}

TEST(Readme, StatesTheLimitsOfTheCode) {
  expect_row("record (", {with_commas(limits::record_max) + " bytes",
                          with_commas(limits::frame_before_login_max)});
  expect_row("body of a message", {with_commas(limits::text_max) + " bytes", "`too_large`"});
  expect_row("name, nickname", {std::to_string(limits::user_name_max) + ", " +
                                std::to_string(limits::nickname_max) + ", " +
                                std::to_string(limits::password_max) + " bytes"});
  expect_row("names and users", {std::to_string(limits::find_max)});
  expect_row("page |", {std::to_string(limits::page_max) + " entries",
                        with_commas(limits::page_bytes_max) + " bytes"});
  expect_row("records under one key", {with_commas(limits::rekey_after_records) + " and"});
  EXPECT_NE(readme().find(with_commas(limits::rekey_after_records + 1)), std::string::npos);
}

}  // namespace
}  // namespace parley
