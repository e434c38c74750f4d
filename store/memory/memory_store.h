// The in-memory twins of store/pg and store/redis, for tests: same interfaces, same contract suites
// (tests/integration/store). A MemoryDatabase stands for the server; any number of stores, in any
// threads, may look at one of them, as connections do. Nothing is bounded but by the test that uses
// it.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <unordered_map>

#include "store/event_store.h"
#include "store/log_store.h"
#include "store/route_store.h"
#include "store/user_store.h"

namespace parley {

// What a server can do to its callers. Each knob counts down by one per call that it hits.
struct MemoryFaults {
  unsigned fail_calls = 0;    // the next calls answer retry_later and do nothing
  unsigned lose_replies = 0;  // the next appends, and changes of the outbox, are carried out, but
                              // answer retry_later
  unsigned fill_disk = 0;     // the next appends answer storage_full and do nothing
};

class MemoryDatabase {
 public:
  struct Log {
    std::vector<Entry> entries;  // [0] has seq 1
    std::map<std::pair<UserId, ClientMessageId>, Seq> by_client_id;
    Seq untold;  // the first entry that is in no event yet; 0: none
  };
  struct User {
    Account account;
    Generation generation;
    std::map<DeviceId, DeviceRecord> devices;
    std::map<ConversationId, Cursors> conversations;
  };

  struct StoredEvent {
    std::int64_t time_ms = 0;
    ConversationId conversation;  // 0: a change of presence
    Seq seq;
    PresenceChange presence;
  };
  struct Subscription {
    EventKinds kinds;
    EventCursor presence_since;
    EventCursor acked;
  };
  struct Told {
    bool online = false;
    EventCursor number;
  };
  struct Outbox {
    EventCursor newest;
    std::map<EventCursor, StoredEvent> events;
    std::map<InstanceId, Subscription> subscriptions;
    std::map<UserId, Told> presence;

    bool wants_messages() const;
    // The newest event when presence was first wanted; nothing if nobody does.
    std::optional<EventCursor> presence_since() const;
  };

  // The rest is for the one who holds the lock; the stores below take it for the length of a call.
  std::mutex lock;
  MemoryFaults faults;
  std::map<ConversationId, Log> logs;
  Outbox outbox;
  std::map<UserId, User> users;
  std::map<std::string, UserId, std::less<>> ids_by_name;  // lower-case
  std::map<UserId, std::set<InstanceId>> routes;
  std::uint64_t times_emptied = 1;
  std::optional<std::uint64_t> routes_emptied = times_emptied;

  // What FLUSHALL does.
  void forget_routes();
  // Sets the knobs from any thread.
  void set_faults(MemoryFaults next);
};

class MemoryLogStore final : public LogStore {
 public:
  explicit MemoryLogStore(std::shared_ptr<MemoryDatabase> database);
  Status open(std::span<const ConversationId> conversations) override;
  std::vector<Result<Appended>> append(std::span<const NewEntry> entries) override;
  Result<Page> range(ConversationId conversation, Seq from, Seq to, PageBound bound) override;
  Result<Page> before(ConversationId conversation, Seq before, PageBound bound) override;
  Result<std::vector<Seq>> heads(std::span<const ConversationId> conversations) override;

 private:
  std::shared_ptr<MemoryDatabase> database_;
};

class MemoryEventStore final : public EventStore {
 public:
  explicit MemoryEventStore(std::shared_ptr<MemoryDatabase> database);
  Result<EventCursor> subscribe(InstanceId subscriber, EventKinds kinds) override;
  Status unsubscribe(InstanceId subscriber) override;
  Result<EventPage> pull(InstanceId subscriber, EventCursor cursor, EventBound bound) override;
  Result<bool> wants_presence() override;
  Status note_presence(std::span<const PresenceChange> changes) override;
  Result<Swept> sweep(ConversationId after, std::int64_t now_ms, Busy busy) override;
  Result<Trimmed> trim(const EventRetention& retention) override;
  Result<OutboxState> state() override;

 private:
  std::shared_ptr<MemoryDatabase> database_;
};

class MemoryUserStore final : public UserStore {
 public:
  explicit MemoryUserStore(std::shared_ptr<MemoryDatabase> database);
  Result<UserId> create_account(const NewAccount& account) override;
  Result<std::optional<Account>> account_named(std::string_view name) override;
  Status set_password_hash(UserId user, std::string_view password_hash) override;
  Result<std::vector<Profile>> profiles(std::span<const UserId> ids,
                                        std::span<const std::string> names) override;
  Result<Generation> put_device(UserId user, DeviceId device, std::uint8_t device_class,
                                const DeviceTokens& tokens) override;
  Result<std::optional<DeviceRecord>> device_by_token(const TokenHash& device_token) override;
  Result<std::optional<DeviceRecord>> device_by_access_token(const TokenHash& access) override;
  Result<std::optional<Generation>> rotate_device(UserId user, DeviceId device,
                                                  const TokenHash& expected,
                                                  const DeviceTokens& tokens) override;
  Result<Generation> touch_device(UserId user, DeviceId device, const TokenHash& access_token,
                                  std::int64_t access_expires_ms) override;
  Status revoke_device(UserId user, DeviceId device) override;
  Status list_conversations(std::span<const std::pair<UserId, ConversationId>> rows) override;
  Result<std::vector<std::optional<Cursors>>> move_cursors(
      std::span<const CursorMove> moves) override;
  Result<std::vector<ListedConversation>> conversations(UserId user, ConversationId after,
                                                        std::uint32_t limit) override;
  Result<std::vector<std::optional<Cursors>>> cursors(
      std::span<const std::pair<UserId, ConversationId>> rows) override;

 private:
  std::shared_ptr<MemoryDatabase> database_;
};

class MemoryRouteStore final : public RouteStore {
 public:
  explicit MemoryRouteStore(std::shared_ptr<MemoryDatabase> database);
  Result<Routes> lookup(std::span<const UserId> users) override;
  Status add(InstanceId gateway, std::span<const UserId> users) override;
  Status remove(InstanceId gateway, std::span<const UserId> users) override;
  Status mark_refilled(std::uint64_t emptied) override;

 private:
  std::shared_ptr<MemoryDatabase> database_;
};

}  // namespace parley
