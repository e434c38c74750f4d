// The values that the SDK talks about with its user. (The SDK has a namespace of its own: programs that link
// it beside the server's libraries, such as tests, meet two things called Connection or Session.)
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "base/ids.h"

namespace parley::client {

// Numbers are those of proto/c2c.proto; one that this build does not know is passed on as it is.
enum class MessageKind : std::uint32_t { text = 1, custom = 15 };
enum class DeviceClass : std::uint8_t { pc = 1, mobile = 2, web = 3, pad = 4 };

// A line of a conversation's log.
struct Entry {
  ConversationId conversation;
  Seq seq;
  UserId sender;
  ClientMessageId client_id{};
  MessageKind kind = MessageKind::text;
  std::string body{};
  std::int64_t time_ms = 0;  // the server's clock, since 1970 UTC

  friend bool operator==(const Entry&, const Entry&) = default;
};

// A message on its way to the log.
struct Outgoing {
  ClientMessageId id{};  // the same in every repetition: the server keeps one message per id
  ConversationId conversation;
  MessageKind kind = MessageKind::text;
  std::string body{};

  friend bool operator==(const Outgoing&, const Outgoing&) = default;
};

// What the server has answered to a send: the message is committed and has this place for ever.
struct Ack {
  Seq seq;
  std::int64_t time_ms = 0;
};

// "Everything up to here": cumulative, never goes back.
struct Cursors {
  Seq received;
  Seq read;

  friend bool operator==(const Cursors&, const Cursors&) = default;
  // The further of both, field by field; what is read has been received.
  static Cursors furthest(Cursors a, Cursors b) {
    const Seq read = std::max(a.read, b.read);
    return {.received = std::max({a.received, b.received, read}), .read = read};
  }
};

struct Profile {
  UserId user;
  std::string name{};
  std::string nickname{};
};

struct Page {
  std::vector<Entry> entries;  // ascending
  Seq head;                    // the conversation's newest
  bool more = false;           // the range goes on
};

// A new id from the kernel's chance.
ClientMessageId new_message_id();

}  // namespace parley::client
