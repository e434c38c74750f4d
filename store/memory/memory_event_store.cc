#include <algorithm>

#include "store/limits.h"
#include "store/memory/memory_database.h"

namespace parley {
namespace {

// What a transaction that is committed answers if its reply is lost.
template <typename T>
Result<T> committed(MemoryDatabase& database, T answer) {
  if (strikes(database.faults.lose_replies)) return injected_failure();
  return answer;
}
Status committed(MemoryDatabase& database) {
  if (strikes(database.faults.lose_replies)) return injected_failure();
  return {};
}

EventCursor after(EventCursor cursor) { return EventCursor{cursor.value + 1}; }

void add_event(MemoryDatabase::Outbox& outbox, MemoryDatabase::StoredEvent event) {
  outbox.newest = after(outbox.newest);
  outbox.events.emplace(outbox.newest, event);
}

void make_events(MemoryDatabase& database, ConversationId id, const MemoryDatabase::Log& log,
                 std::int64_t now_ms) {
  for (std::uint64_t seq = log.untold.value; seq <= log.entries.size(); ++seq)
    add_event(database.outbox,
              {.time_ms = now_ms, .conversation = id, .seq = Seq{seq}, .presence = {}});
}

}  // namespace

bool MemoryDatabase::Outbox::wants_messages() const {
  return std::ranges::any_of(subscriptions,
                             [](const auto& entry) { return entry.second.kinds.messages; });
}

std::optional<EventCursor> MemoryDatabase::Outbox::presence_since() const {
  std::optional<EventCursor> since;
  for (const auto& [instance, subscription] : subscriptions) {
    if (subscription.kinds.presence)
      since = std::min(since.value_or(subscription.presence_since), subscription.presence_since);
  }
  return since;
}

MemoryEventStore::MemoryEventStore(std::shared_ptr<MemoryDatabase> database)
    : database_(std::move(database)) {}

Result<EventCursor> MemoryEventStore::subscribe(InstanceId subscriber, EventKinds kinds) {
  PARLEY_ENTER(*database_);
  MemoryDatabase::Outbox& outbox = database_->outbox;
  if (kinds.messages && !outbox.wants_messages()) {
    for (auto& [id, log] : database_->logs) log.untold = Seq{};
  }
  const auto [found, is_new] = outbox.subscriptions.try_emplace(
      subscriber, MemoryDatabase::Subscription{kinds, outbox.newest, outbox.newest});
  MemoryDatabase::Subscription& subscription = found->second;
  if (kinds.presence && !subscription.kinds.presence) subscription.presence_since = outbox.newest;
  subscription.kinds = kinds;
  return committed(*database_, subscription.acked);
}

Status MemoryEventStore::unsubscribe(InstanceId subscriber) {
  PARLEY_ENTER(*database_);
  database_->outbox.subscriptions.erase(subscriber);
  return committed(*database_);
}

Result<EventPage> MemoryEventStore::pull(InstanceId subscriber, EventCursor cursor,
                                         EventBound bound) {
  PARLEY_ENTER(*database_);
  bound = within_limits(bound);
  MemoryDatabase::Outbox& outbox = database_->outbox;
  const auto found = outbox.subscriptions.find(subscriber);
  if (found == outbox.subscriptions.end()) return fail(Errc::not_found, "no subscription");
  auto& [kinds, since, acked] = found->second;
  if (cursor > outbox.newest) return fail(Errc::bad_request, "a cursor of the future");

  EventPage page;
  if (cursor < acked) page.lost_before = acked;
  acked = std::max(acked, cursor);
  page.next = acked;
  std::size_t bytes = 0;
  for (auto at = outbox.events.upper_bound(page.next);
       at != outbox.events.end() && page.events.size() < bound.events && bytes <= bound.bytes;
       ++at) {
    const auto& [number, event] = *at;
    page.next = number;
    if (!(event.conversation ? kinds.messages : kinds.presence)) continue;
    if (event.conversation) {
      const Entry& entry = database_->logs.at(event.conversation).entries.at(event.seq.value - 1);
      bytes += entry.body.size();
      page.events.emplace_back(number, LoggedEvent{event.conversation, entry});
    } else {
      page.events.emplace_back(number, event.presence);
    }
  }
  page.more = page.next < outbox.newest;
  return committed(*database_, std::move(page));
}

Result<bool> MemoryEventStore::wants_presence() {
  PARLEY_ENTER(*database_);
  return database_->outbox.presence_since().has_value();
}

Status MemoryEventStore::note_presence(std::span<const PresenceChange> changes) {
  PARLEY_ENTER(*database_);
  MemoryDatabase::Outbox& outbox = database_->outbox;
  const auto since = outbox.presence_since();
  if (!since || changes.empty()) return {};
  std::map<UserId, PresenceChange> by_user;
  for (const PresenceChange& change : changes) by_user.insert_or_assign(change.user, change);
  for (auto& [user, change] : by_user) {
    const auto told = outbox.presence.find(user);
    const bool is_known = told != outbox.presence.end() && told->second.number > *since;
    if (is_known && told->second.online == change.online) continue;
    change.time_ms = changes.back().time_ms;
    add_event(outbox,
              {.time_ms = change.time_ms, .conversation = {}, .seq = {}, .presence = change});
    outbox.presence.insert_or_assign(user, MemoryDatabase::Told{change.online, outbox.newest});
  }
  return committed(*database_);
}

Result<Swept> MemoryEventStore::sweep(ConversationId after_this, std::int64_t now_ms, Busy) {
  PARLEY_ENTER(*database_);
  const bool wanted = database_->outbox.wants_messages();
  Swept swept;
  for (auto at = database_->logs.upper_bound(after_this);
       at != database_->logs.end() && swept.conversations < limits::sweep_conversations_max; ++at) {
    auto& [id, log] = *at;
    if (!log.untold) continue;
    if (wanted) make_events(*database_, id, log, now_ms);
    log.untold = Seq{};
    if (++swept.conversations == limits::sweep_conversations_max) swept.last = id;
  }
  return committed(*database_, swept);
}

Result<Trimmed> MemoryEventStore::trim(const EventRetention& retention) {
  PARLEY_ENTER(*database_);
  MemoryDatabase::Outbox& outbox = database_->outbox;
  Trimmed trimmed;
  EventCursor beyond;
  std::uint32_t looked_at = 0;
  for (const auto& [number, event] : outbox.events) {
    if (++looked_at > limits::events_trim_max) break;
    if (event.time_ms < retention.oldest_ms ||
        number.value + retention.events_max <= outbox.newest.value)
      beyond = number;
  }
  EventCursor done = outbox.newest;
  for (auto& [instance, subscription] : outbox.subscriptions) {
    if (subscription.acked < beyond) ++trimmed.laggards;
    subscription.acked = std::max(subscription.acked, beyond);
    done = std::min(done, subscription.acked);
  }
  while (!outbox.events.empty() && outbox.events.begin()->first <= done &&
         trimmed.rows < limits::events_trim_max) {
    outbox.events.erase(outbox.events.begin());
    ++trimmed.rows;
  }
  return committed(*database_, trimmed);
}

Result<OutboxState> MemoryEventStore::state() {
  PARLEY_ENTER(*database_);
  OutboxState state{database_->outbox.newest, {}, false};
  for (const auto& [instance, subscription] : database_->outbox.subscriptions)
    state.subscribers.push_back({instance, subscription.kinds, subscription.acked});
  state.unswept =
      std::ranges::any_of(database_->logs, [](const auto& log) { return !!log.second.untold; });
  return state;
}

}  // namespace parley
