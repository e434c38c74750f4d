// The outbox: what happened, numbered, kept until every subscriber has dealt with it. Implementations:
// store/pg, store/memory; both pass tests/integration/store/event_store_contract. An object belongs
// to one thread; calls block (bounded as in log_store.h).
//
// Events are 1, 2, 3 … without holes, and become visible in that order. An entry of a log becomes an
// event in two steps: append marks its conversation, in the row that it changes anyway, and sweep()
// turns what was marked into events, in one transaction: a crash at any moment loses none and makes
// none twice. While nobody wants messages append marks nothing.
//
// Errors of all calls: retry_later (repeating is safe: each call may be repeated), storage_full,
// internal.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <variant>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "store/log_store.h"

namespace parley {

// The number of an event; as a position: everything up to it, included.
using EventCursor = Id<struct EventTag>;

struct EventKinds {
  bool messages = false;  // entries of conversations' logs
  bool presence = false;  // users that come online or go offline
  friend bool operator==(const EventKinds&, const EventKinds&) = default;
};

struct LoggedEvent {
  ConversationId conversation;
  Entry entry;
};
struct PresenceChange {
  UserId user;
  bool online = false;
  std::int64_t time_ms = 0;  // wall clock
};
struct Event {
  EventCursor cursor;
  std::variant<LoggedEvent, PresenceChange> what;
};

struct EventPage {
  std::vector<Event> events;  // ascending; of the kinds that are subscribed
  EventCursor next;           // where the next page goes on, whatever was left out
  bool more = false;          // there are events after `next`
  // Not 0: what was between the asked cursor and this one is not kept (any more).
  EventCursor lost_before;
};

struct EventBound {
  std::uint32_t events = 500;  // 1 … limits::events_page_max; others are cut to it
  std::size_t bytes = 256 << 10;  // of bodies; a page ends after the entry that passes it
};

struct Subscriber {
  InstanceId instance;
  EventKinds kinds;
  EventCursor acked;
};
struct OutboxState {
  EventCursor newest;
  std::vector<Subscriber> subscribers;
  bool unswept = false;  // some conversation is marked
};

// What a sweep does about a conversation that somebody appends to at this moment. Skipping disturbs
// nobody, but one that is written to without a pause could be skipped for ever.
enum class Busy : std::uint8_t { skip, wait };

struct Swept {
  std::uint32_t conversations = 0;
  ConversationId last;  // go on after it; 0: that was all
};

struct EventRetention {
  std::int64_t oldest_ms = 0;   // wall clock; older events are not kept
  std::uint64_t events_max = 0;  // nor are more than this
};
struct Trimmed {
  std::uint64_t rows = 0;      // removed; limits::events_trim_max: call again
  std::uint32_t laggards = 0;  // subscribers that had not dealt with what was removed
};

class EventStore {
 public:
  virtual ~EventStore() = default;

  // Begins a subscription at the newest event, or changes the kinds of one; returns what it has
  // acknowledged. Entries whose append begins afterwards will be events; those committed before a
  // new one are not, but for those of conversations that were marked for other subscribers.
  // Requires: some kind.
  virtual Result<EventCursor> subscribe(InstanceId subscriber, EventKinds kinds) = 0;
  // Idempotent.
  virtual Status unsubscribe(InstanceId subscriber) = 0;
  // Acknowledges up to `cursor`, then what comes after it (after what was acknowledged, if that is
  // more). not_found: no subscription. bad_request: beyond the newest event.
  virtual Result<EventPage> pull(InstanceId subscriber, EventCursor cursor, EventBound bound) = 0;

  // Whether somebody wants presence.
  virtual Result<bool> wants_presence() = 0;
  // Makes events of those changes that differ from what was last told since somebody wants presence
  // (nothing if nobody does). Users more than once: the last counts.
  virtual Status note_presence(std::span<const PresenceChange> changes) = 0;

  // Makes events of the entries of marked conversations after `after`, at most
  // limits::sweep_conversations_max, and unmarks them. Busy::wait: retry_later after lock_timeout.
  virtual Result<Swept> sweep(ConversationId after, std::int64_t now_ms, Busy busy) = 0;
  // Removes events that every subscriber has acknowledged, or that are beyond the retention: then
  // they are taken for acknowledged by all.
  virtual Result<Trimmed> trim(const EventRetention& retention) = 0;
  virtual Result<OutboxState> state() = 0;
};

}  // namespace parley
