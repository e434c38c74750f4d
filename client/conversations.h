// All conversations of one user on one device: what has been received, what is missing, how far it is read.
// Pure but for the local log, which is written before anything is told or acknowledged.
//
// After a login the server's list is gone through, page by page, and compared with what is here. On a new device
// (its log has never seen a login) a conversation begins where the user's received cursor stands, so that it gets what
// no device has had; what lies before is history, fetched on demand. Later ones it gets from their beginning.
#pragma once

#include <optional>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "client/action.h"
#include "client/agenda.h"
#include "client/cursor_report.h"
#include "client/local_log.h"
#include "client/request_table.h"
#include "client/timeline.h"
#include "client/wire.h"

namespace parley::client {

enum class Sync : std::uint8_t {
  conversations,  // after each login: nothing is missed
  nothing,        // only what is pushed from now on; for load generators
};

enum class DeviceAge : std::uint8_t { is_new, is_known };

struct ConversationOptions {
  Sync sync = Sync::conversations;
  TimelineOptions timeline{};
  Duration receipt_every = 1s;  // per conversation, at most one receipt
  // How long after a login's list it is asked for once more: a message that is committed while the servers
  // do not know yet where this device is connected is told to nobody here.
  Duration second_look_after = 1s;
  // A push is a hint and may be lost; if it was the last of its conversation, no later number shows it. The
  // server says when it knows that it may have lost some (catch_up); its list is compared again this often in
  // any case (a quarter sooner at most, by chance).
  Duration relist_every = 300s;
  // A conversation that this device does not know begins at most this many entries before its head.
  std::uint64_t backlog_max = 10'000;
  // A pull is answered by a whole page: more at a time than a gateway buffers for one client (1 MiB), and
  // it would end the connection of whoever comes back to many conversations.
  std::size_t pulls_in_flight_max = 8;
};

class Conversations {
 public:
  // `log` must outlive this object.
  Conversations(const ConversationOptions& options, LocalLog& log, std::uint64_t seed);
  Conversations(const Conversations&) = delete;
  Conversations& operator=(const Conversations&) = delete;

  // Reads the local log. Called once, first.
  Status load(DeviceAge age);
  void connected(UserId self, Instant now, std::vector<Action>& out);
  void disconnected(Instant now);

  // A request that should go out now; its answer (or failure) comes back by one of the on_… below.
  std::optional<Request> take_due(Instant now);
  // When take_due may have something.
  std::optional<Instant> next_due() const;

  // An entry from a push or from the ack of an own send.
  void offer(Entry entry, Instant now, std::vector<Action>& out);
  void on_receipt(ConversationId conversation, const wire_format::Receipt& receipt,
                  std::vector<Action>& out);
  // Pushes may have been missed: the list is asked for at a moment of the next `within`.
  void catch_up(Duration within, Instant now);
  // The user has read up to here. not_found: no such conversation here.
  Status mark_read(ConversationId conversation, Seq seq, Instant now, std::vector<Action>& out);

  void on_list(const wire_format::ListPage& page, Instant now, std::vector<Action>& out);
  void on_list_failed(const Error& error, Instant now);
  void on_pull(ConversationId conversation, Page page, Instant now, std::vector<Action>& out);
  void on_pull_failed(ConversationId conversation, const Error& error, Instant now);
  void on_reported(ConversationId conversation, const Cursors& server_has);
  void on_report_failed(ConversationId conversation, const Error& error, Instant now);

  // What is known of the peer; zeros for an unknown conversation.
  Cursors peer_cursors(ConversationId conversation) const;
  Seq last(ConversationId conversation) const;

 private:
  struct Conversation {
    Timeline timeline;
    CursorReport report;
    Cursors peer;
  };
  struct NoList {};  // not connected, or not wanted
  struct ListDue {
    Instant due;
    ConversationId after;
    unsigned failures = 0;
  };
  struct ListAsked {
    ConversationId after;
    unsigned failures = 0;
  };

  Conversation& at(ConversationId id, Instant now, std::vector<Action>& out);
  void place(ConversationId id, Conversation& conversation, Seq last, Instant now,
             std::vector<Action>& out);
  void publish(ConversationId id, Conversation& conversation, std::vector<Entry> readable,
               std::vector<Action>& out);
  void move_peer(ConversationId id, Conversation& conversation, const Cursors& cursors,
                 std::vector<Action>& out);
  void merge(const wire_format::Listed& listed, Instant now, std::vector<Action>& out);
  void finish_listing(Instant now, std::vector<Action>& out);
  void enter(ConversationId id, const Conversation& conversation);
  bool may_pull() const { return pulls_in_flight_ < options_.pulls_in_flight_max; }
  std::optional<Request> take_pull(Instant now);
  std::optional<Request> take_report(Instant now);
  void note(const Status& written, std::vector<Action>& out);

  const ConversationOptions options_;
  LocalLog& log_;
  Random random_;
  UserId self_;
  DeviceAge age_ = DeviceAge::is_new;  // until the first list is complete
  std::unordered_map<ConversationId, Conversation> conversations_;
  Agenda<ConversationId> pulls_;
  Agenda<ConversationId> reports_;
  std::size_t pulls_in_flight_ = 0;
  std::variant<NoList, ListDue, ListAsked> listing_;
  // A list that was being asked for does not count: it may be older.
  std::optional<Duration> catch_up_within_;
  bool is_listed_ = false;  // completely, once since the last login
  bool log_failed_ = false;  // told once per row of failures
};

}  // namespace parley::client
