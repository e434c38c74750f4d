// The outbox in PostgreSQL. Every change is one transaction. Numbers come from one row, whose lock is
// taken last and kept until the commit, so that readers meet events in their order.
#pragma once

#include <map>
#include <memory>

#include "store/event_store.h"
#include "store/pg/connection.h"

namespace parley {

class PgEventStore final : public EventStore {
 public:
  explicit PgEventStore(std::shared_ptr<PgConnection> connection);

  Result<EventCursor> subscribe(InstanceId subscriber, EventKinds kinds) override;
  Status unsubscribe(InstanceId subscriber) override;
  Result<EventPage> pull(InstanceId subscriber, EventCursor cursor, EventBound bound) override;
  Result<bool> wants_presence() override;
  Status note_presence(std::span<const PresenceChange> changes) override;
  Result<Swept> sweep(ConversationId after, std::int64_t now_ms, Busy busy) override;
  Result<Trimmed> trim(const EventRetention& retention) override;
  Result<OutboxState> state() override;

 private:
  // One row of parley.event, as far as it lies behind the reader's cursor.
  struct Row {
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    ConversationId conversation;  // 0: a change of presence
    Seq first_seq;
    PresenceChange presence;
  };
  struct Reading {
    EventKinds kinds;
    EventCursor acked;
    EventCursor newest;
    std::vector<Row> rows;
  };
  using Entries = std::map<std::pair<ConversationId, Seq>, Entry>;

  Result<std::optional<Reading>> read(InstanceId subscriber, EventCursor cursor,
                                      std::uint32_t rows_max);
  static std::vector<Row> choose(const Reading& reading, std::uint64_t events_max,
                                 EventCursor& end);
  static std::uint64_t append_events(const Row& row, Entries& entries, std::vector<Event>& events);
  Result<Entries> entries_of(const std::vector<Row>& rows, std::size_t bytes_max);
  Status acknowledge(InstanceId subscriber, EventCursor cursor);

  std::shared_ptr<PgConnection> connection_;
};

}  // namespace parley
