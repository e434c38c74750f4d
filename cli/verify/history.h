// What happened in a run, as values: every request with its outcome, everything devices received,
// the faults that were injected, and the rows that were left in the database (RELIABILITY §2.1).
// One process per machine writes it, so one CLOCK_MONOTONIC orders it exactly. check.h judges it.
//
// File format: JSON lines
// {"i":line,"t":ns,"p":"alice/1","type":"invoke|ok|fail|info|obs","f":"send",…}.
// A recorder leaves out what it cannot see; rules that need it then conclude nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/result.h"

namespace parley::verify {

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
// A push as it came over the wire, before the device decided whether it is new.
struct Pushed {
  UserId reader;
  MessageKey key;
  Seq seq;
  std::uint64_t body = 0;
};
// A device's stream of pushes begins anew (it connected), or the server said that it left some out.
struct StreamBegan {};
struct ConnectionClosed {};

// The server took the device for this user. `how`: "password" or "token".
struct SessionBegan {
  UserId user;
  std::string how;
};
// The server confirmed that the device's session is over for good: "logout", "revoked", "replaced".
struct SessionEnded {
  std::string why;
};

// A device asked for the entries from … to of a log. `op` is unique among all requests; each ends
// in at most one of ok and failed.
struct PullInvoked {
  std::uint64_t op = 0;
  UserId reader;
  ConversationId conversation;
  Seq from;
  Seq to;
};
struct PageEntry {
  Seq seq;
  UserId sender;
  ClientMessageId client_id{};
  std::uint64_t body = 0;
};
// The page, the log's newest number at that time, and whether the range goes on after it.
struct PullOk {
  std::uint64_t op = 0;
  Seq head;
  bool more = false;
  std::vector<PageEntry> entries;
};
struct PullFailed {
  std::uint64_t op = 0;
  std::string error;
};
// The device was told that it has everything up to and including `head`.
struct Synced {
  UserId reader;
  ConversationId conversation;
  Seq head;
};

// A device of the user may from now on tell the server that he has come so far. That it has
// received what it was given goes without saying.
struct ReceiptInvoked {
  UserId user;
  ConversationId conversation;
  Seq received;
  Seq read;
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
  // How long after its beginning one is felt of which nobody knows better: the longest pause, and
  // the slowest recovery after it.
  static constexpr std::uint64_t felt_ms_most = 30'000;

  std::string kind;
  std::string target;
  std::int64_t before = 0;
  std::int64_t after = 0;
  // So long after its beginning it may be felt: until it was mended, and what recovery may take.
  std::optional<std::uint64_t> felt_ms = {};
  bool effective() const { return after != 0 && after != before; }
};
// No fault is injected any more.
struct Healed {};
// The workload has stopped, every device has synced to the end, and time for what trickles has
// passed.
struct Quiesced {};

// What a process of the server (the event's process) counts or holds at the time. Requests taken by
// a broker in its life: "bus_requests". Memory and open files of a process: "rss_bytes", "fds". A
// queue or window with a bound: any name, and the bound.
struct Gauge {
  std::string name;
  std::int64_t value = 0;
  std::int64_t limit = 0;  // 0: none
};
// A request was given to a worker, for the attempt-th time.
struct Attempted {
  std::uint64_t request = 0;
  std::uint64_t attempt = 0;
};

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
// The conversation stands in the user's list.
struct ListRow {
  UserId user;
  ConversationId conversation;
};
// The dump is complete: how many of each there were. Without it nothing is concluded from what is
// not there; the same for heads and lists, if they were left out.
struct Dumped {
  std::uint64_t rows = 0;
  std::optional<std::uint64_t> heads = {};
  std::optional<std::uint64_t> lists = {};
};

struct Event {
  Instant at;
  std::string process;  // a device ("alice/1"), "nemesis", "database"
  std::variant<SendInvoked, SendOk, SendFailed, SendUnknown, Delivered, Pushed, StreamBegan,
               ConnectionClosed, SessionBegan, SessionEnded, PullInvoked, PullOk, PullFailed,
               Synced, ReceiptInvoked, ReceiptAcked, ReceiptSeen, Fault, Healed, Quiesced, Gauge,
               Attempted, Row, Head, ListRow, Dumped>
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
  // Needed after an event was added later than it happened.
  void sort();
  const std::vector<Event>& events() const { return events_; }

  // io: the file cannot be written.
  Status save(const std::string& path) const;
  // io: it cannot be read. bad_request: a line is not of this format ("line 7: …"), or has
  // a time or gauge beyond 2^60.
  static Result<History> load(const std::string& path);

 private:
  std::vector<Event> events_;
};

}  // namespace parley::verify

template <>
struct std::hash<parley::verify::MessageKey> {
  std::size_t operator()(const parley::verify::MessageKey& key) const noexcept;
};
