// What happened in a run, as values: every request with its outcome, everything devices received,
// the faults that were injected, and the rows that were left in the database (RELIABILITY §2.1).
// One process per machine writes it, so one CLOCK_MONOTONIC orders it exactly. history_check.h
// judges it.
//
// File format: JSON lines
// {"i":line,"t":ns,"p":"alice/1","type":"invoke|ok|fail|info|obs","f":"send",…}.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/result.h"

namespace parley::test {

// What makes a message one and the same, however often it is sent (c2c.proto, SendRequest).
struct MessageKey {
  ConversationId conversation;
  UserId sender;
  ClientMessageId client_id{};
  friend auto operator<=>(const MessageKey&, const MessageKey&) = default;
};

// Bodies are recorded as FNV-1a of their bytes; a run gives each message a body of its own.
std::uint64_t body_hash(std::string_view body);

// One attempt of an application to send. `op` is unique in the history; a later attempt with the
// same key has another one. Each attempt ends in at most one of ok, failed, unknown.
struct SendInvoked {
  std::uint64_t op = 0;
  MessageKey key;
  std::uint64_t body = 0;
};
struct SendOk {
  std::uint64_t op = 0;
  Seq seq;
  std::int64_t time_ms = 0;
};
// The server said a definite no: the message must not exist.
struct SendFailed {
  std::uint64_t op = 0;
  std::string error;
};
// Nobody knows: timeout, disconnection, a retryable error. Never wrong by itself.
struct SendUnknown {
  std::uint64_t op = 0;
};

enum class Via : std::uint8_t { push, pull };

// A device (the event's process) was given an entry that it had to take for new.
struct Delivered {
  UserId reader;
  MessageKey key;
  Seq seq;
  std::uint64_t body = 0;
  Via via = Via::push;
};
// A device's stream of pushes begins anew (it connected), or the server said that it left some out.
struct StreamBegan {};
// The device was told that it has everything up to and including `head`.
struct Synced {
  UserId reader;
  ConversationId conversation;
  Seq head;
};

// The server confirmed where the user's cursors stand.
struct ReceiptAcked {
  UserId user;
  ConversationId conversation;
  Seq received;
  Seq read;
};
// A device was shown where another member's cursors stand.
struct ReceiptSeen {
  UserId user;
  ConversationId conversation;
  Seq received;
  Seq read;
};

// Something was broken, with the proof that it took hold: what was read before and after (a pid, a
// start time). Equal values, or nothing afterwards, mean that it did not.
struct Fault {
  std::string kind;
  std::string target;
  std::int64_t before = 0;
  std::int64_t after = 0;
  bool effective() const { return after != 0 && after != before; }
};
// No fault is injected any more.
struct Healed {};
// The workload has stopped, every device has synced to the end, and time for what trickles has
// passed.
struct Quiesced {};

// The final dump of the database.
struct Row {
  MessageKey key;
  Seq seq;
  std::uint64_t body = 0;
  std::int64_t time_ms = 0;
};
struct Head {
  ConversationId conversation;
  Seq seq;
};
// The dump is complete; without it nothing is concluded from what is not there.
struct Dumped {
  std::uint64_t rows = 0;
};

struct Event {
  Instant at;
  std::string process;  // a device ("alice/1"), "nemesis", "database"
  std::variant<SendInvoked, SendOk, SendFailed, SendUnknown, Delivered, StreamBegan, Synced,
               ReceiptAcked, ReceiptSeen, Fault, Healed, Quiesced, Row, Head, Dumped>
      what;
};

// In the order of time. One owner thread; grows with the run.
class History {
 public:
  template <typename What>
  void add(Instant at, std::string process, What what) {
    events_.push_back({at, std::move(process), std::move(what)});
  }
  // Adds what another thread has recorded, each event at its time.
  void merge(const History& other);
  const std::vector<Event>& events() const { return events_; }

  // io: the file cannot be written.
  Status save(const std::string& path) const;
  // io: it cannot be read. bad_request: a line is not of this format ("line 7: …").
  static Result<History> load(const std::string& path);

 private:
  std::vector<Event> events_;
};

}  // namespace parley::test

template <>
struct std::hash<parley::test::MessageKey> {
  std::size_t operator()(const parley::test::MessageKey& key) const noexcept;
};
