#include "client/conversations.h"

#include <algorithm>
#include <utility>

#include "proto/limits.h"

namespace parley::client {
namespace {

constexpr Duration retry_base = 500ms;
constexpr Duration retry_cap = 15s;

Duration hint_of(const Error& error) { return std::chrono::milliseconds(error.retry_after_ms); }

}  // namespace

Conversations::Conversations(const ConversationOptions& options, LocalLog& log, std::uint64_t seed)
    : options_(options), log_(log), random_(seed) {}

Status Conversations::load(DeviceAge age) {
  age_ = age;
  PARLEY_TRY(const auto known, log_.conversations());
  for (const LoggedConversation& from : known) {
    Conversation conversation{.timeline = Timeline(options_.timeline),
                              .report = CursorReport(options_.receipt_every),
                              .peer = from.peer};
    conversation.timeline.place(from.last, Instant{});
    // The former run may have ended between keeping an entry and reporting it.
    conversation.report.want(Cursors::furthest(from.mine, {.received = from.last, .read = {}}));
    conversations_.emplace(from.conversation, std::move(conversation));
  }
  return {};
}

void Conversations::connected(UserId self, Instant now, std::vector<Action>& out) {
  self_ = self;
  for (auto& [id, conversation] : conversations_) enter(id, conversation);
  if (options_.sync == Sync::nothing) return finish_listing(now, out);
  listing_ = ListDue{.due = now, .after = {}};
}

void Conversations::disconnected(Instant now) {
  for (auto& [id, conversation] : conversations_) {
    conversation.timeline.disconnected(now);
    conversation.report.disconnected();
  }
  pulls_in_flight_ = 0;
  listing_ = NoList{};
  catch_up_within_.reset();
  is_listed_ = false;
}

std::optional<Request> Conversations::take_due(Instant now) {
  if (const auto* due = std::get_if<ListDue>(&listing_); due != nullptr && due->due <= now) {
    const ConversationId after = due->after;
    listing_ = ListAsked{.after = after, .failures = due->failures};
    return Request{.verb = Verb::c2c_conversations,
                   .body = wire_format::conversations(after, limits::page_max),
                   .purpose = ForList{}};
  }
  if (auto request = take_pull(now)) return request;
  return take_report(now);
}

std::optional<Request> Conversations::take_pull(Instant now) {
  while (may_pull()) {
    const auto id = pulls_.take_due(now);
    if (!id) break;
    Conversation& conversation = conversations_.at(*id);
    const auto range = conversation.timeline.take_pull(now);
    enter(*id, conversation);
    if (!range) continue;
    ++pulls_in_flight_;
    return Request{.verb = Verb::c2c_pull,
                   .target = id->value,
                   .body = wire_format::pull(range->from, range->to),
                   .purpose = ForPull{*id}};
  }
  return std::nullopt;
}

std::optional<Request> Conversations::take_report(Instant now) {
  while (is_listed_) {
    const auto id = reports_.take_due(now);
    if (!id) break;
    Conversation& conversation = conversations_.at(*id);
    const auto cursors = conversation.report.take_due(now);
    enter(*id, conversation);
    if (!cursors) continue;
    return Request{.verb = Verb::c2c_receipt,
                   .target = id->value,
                   .body = wire_format::receipt(*cursors),
                   .purpose = ForReceipt{*id}};
  }
  return std::nullopt;
}

std::optional<Instant> Conversations::next_due() const {
  std::optional<Instant> next;
  const auto consider = [&](std::optional<Instant> at) {
    if (at && (!next || *at < *next)) next = at;
  };
  // Without room for another pull, the next answer makes things go on, not a moment.
  if (may_pull()) consider(pulls_.next());
  if (is_listed_) consider(reports_.next());
  if (const auto* list = std::get_if<ListDue>(&listing_)) consider(list->due);
  return next;
}

void Conversations::offer(Entry entry, Instant now, std::vector<Action>& out) {
  const ConversationId id = entry.conversation;
  Conversation& conversation = at(id, now, out);
  if (!conversation.timeline.is_placed() && options_.sync == Sync::nothing)
    place(id, conversation, Seq{entry.seq.value - 1}, now, out);
  publish(id, conversation, conversation.timeline.offer(std::move(entry), now), out);
  enter(id, conversation);
}

void Conversations::on_receipt(ConversationId id, const wire_format::Receipt& receipt,
                               std::vector<Action>& out) {
  const auto found = conversations_.find(id);
  // A cursor of a conversation that we do not have yet comes again with the list.
  if (found == conversations_.end()) return;
  Conversation& conversation = found->second;
  if (receipt.user != self_) return move_peer(id, conversation, receipt.cursors, out);
  conversation.report.server_has(receipt.cursors);
  conversation.report.want(receipt.cursors);
  out.emplace_back(ReceiptMoved{id, self_, conversation.report.wanted()});
}

Status Conversations::mark_read(ConversationId id, Seq seq, Instant, std::vector<Action>& out) {
  const auto found = conversations_.find(id);
  if (found == conversations_.end()) return fail(Errc::not_found, "unknown conversation");
  Conversation& conversation = found->second;
  const Seq read = std::min(seq, conversation.timeline.last());
  if (read <= conversation.report.wanted().read) return {};
  conversation.report.want({.received = read, .read = read});
  note(log_.save_cursors(id, conversation.report.wanted(), conversation.peer), out);
  enter(id, conversation);
  return {};
}

void Conversations::on_list(const wire_format::ListPage& page, Instant now,
                            std::vector<Action>& out) {
  const auto* asked = std::get_if<ListAsked>(&listing_);
  if (asked == nullptr) return;
  for (const auto& listed : page.conversations) merge(listed, now, out);
  if (!page.more || page.conversations.empty()) return finish_listing(now, out);
  listing_ = ListDue{.due = now, .after = page.conversations.back().conversation};
}

void Conversations::merge(const wire_format::Listed& listed, Instant now,
                          std::vector<Action>& out) {
  const ConversationId id = listed.conversation;
  Conversation& conversation = at(id, now, out);
  if (!conversation.timeline.is_placed()) {
    const std::uint64_t head = listed.head.value;
    const Seq earliest{head - std::min(head, options_.backlog_max)};
    const Seq received = age_ == DeviceAge::is_new ? listed.mine.received : Seq{0};
    place(id, conversation, std::max(received, earliest), now, out);
  }
  conversation.report.server_has(listed.mine);
  conversation.report.want(listed.mine);
  move_peer(id, conversation, listed.peer, out);
  conversation.timeline.head_is(listed.head, now);
  enter(id, conversation);
}

// What is not in the list had no entry when the list was made: it begins at the beginning.
void Conversations::finish_listing(Instant now, std::vector<Action>& out) {
  const bool is_first = !std::exchange(is_listed_, true);
  age_ = DeviceAge::is_known;
  if (options_.sync == Sync::conversations) {
    const Duration every = is_first ? options_.second_look_after : options_.relist_every;
    listing_ = ListDue{.due = now + random_.between(every * 3 / 4, every), .after = {}};
    if (const auto within = std::exchange(catch_up_within_, {})) catch_up(*within, now);
    for (auto& [id, conversation] : conversations_)
      if (!conversation.timeline.is_placed()) place(id, conversation, Seq{0}, now, out);
  }
  if (is_first)
    for (auto& [id, conversation] : conversations_) enter(id, conversation);
  if (is_first) out.emplace_back(Synced{});
}

void Conversations::catch_up(Duration within, Instant now) {
  auto* next = std::get_if<ListDue>(&listing_);
  const bool is_between_lists =
      next != nullptr && is_listed_ && !next->after && next->failures == 0;
  if (is_between_lists)
    next->due = std::min(next->due, now + random_.between(Duration::zero(), within));
  else if (!std::holds_alternative<NoList>(listing_))
    catch_up_within_ = within;
}

void Conversations::on_list_failed(const Error& error, Instant now) {
  const auto* asked = std::get_if<ListAsked>(&listing_);
  if (asked == nullptr) return;
  const Duration own = backoff(asked->failures, retry_base, retry_cap, random_);
  listing_ = ListDue{.due = now + pause_after_refusal(own, hint_of(error), random_),
                     .after = asked->after,
                     .failures = asked->failures + 1};
}

void Conversations::on_pull(ConversationId id, Page page, Instant now, std::vector<Action>& out) {
  --pulls_in_flight_;
  Conversation& conversation = conversations_.at(id);
  std::vector<Entry> readable;
  for (Entry& entry : page.entries) {
    auto next = conversation.timeline.offer(std::move(entry), now);
    std::ranges::move(next, std::back_inserter(readable));
  }
  publish(id, conversation, std::move(readable), out);
  conversation.timeline.pulled(now, random_);
  enter(id, conversation);
}

void Conversations::on_pull_failed(ConversationId id, const Error& error, Instant now) {
  --pulls_in_flight_;
  Conversation& conversation = conversations_.at(id);
  conversation.timeline.pull_failed(now, hint_of(error), random_);
  enter(id, conversation);
}

void Conversations::on_reported(ConversationId id, const Cursors& server_has) {
  Conversation& conversation = conversations_.at(id);
  conversation.report.answered(server_has);
  enter(id, conversation);
}

void Conversations::on_report_failed(ConversationId id, const Error& error, Instant now) {
  Conversation& conversation = conversations_.at(id);
  // A refusal is no reason to hurry: the next report says the same and more.
  const Duration least = is_retryable(error.code) ? retry_base : retry_cap;
  conversation.report.failed(now, random_.between(least, 2 * least) + hint_of(error));
  enter(id, conversation);
}

Cursors Conversations::peer_cursors(ConversationId id) const {
  const auto found = conversations_.find(id);
  return found == conversations_.end() ? Cursors{} : found->second.peer;
}

Seq Conversations::last(ConversationId id) const {
  const auto found = conversations_.find(id);
  return found == conversations_.end() ? Seq{} : found->second.timeline.last();
}

// The conversation, made if it is new. Before the list is complete nobody knows where a new one begins.
Conversations::Conversation& Conversations::at(ConversationId id, Instant now,
                                               std::vector<Action>& out) {
  const auto [found, is_new] = conversations_.try_emplace(
      id, Conversation{.timeline = Timeline(options_.timeline),
                       .report = CursorReport(options_.receipt_every),
                       .peer = {}});
  if (is_new && is_listed_ && options_.sync == Sync::conversations)
    place(id, found->second, Seq{0}, now, out);
  return found->second;
}

void Conversations::place(ConversationId id, Conversation& conversation, Seq last, Instant now,
                          std::vector<Action>& out) {
  note(log_.begin_conversation(id, last), out);
  publish(id, conversation, conversation.timeline.place(last, now), out);
}

// First into the local log, then to the user, and only then "received" to the server.
void Conversations::publish(ConversationId id, Conversation& conversation,
                            std::vector<Entry> readable, std::vector<Action>& out) {
  if (readable.empty()) return;
  note(log_.append(id, readable), out);
  const bool is_foreign = std::ranges::any_of(
      readable, [&](const Entry& entry) { return entry.sender != self_; });
  if (is_foreign) conversation.report.want({.received = readable.back().seq, .read = {}});
  for (Entry& entry : readable) out.emplace_back(MessageAdded{std::move(entry)});
}

void Conversations::move_peer(ConversationId id, Conversation& conversation, const Cursors& cursors,
                              std::vector<Action>& out) {
  const Cursors moved = Cursors::furthest(conversation.peer, cursors);
  if (moved == conversation.peer) return;
  conversation.peer = moved;
  if (conversation.timeline.is_placed())
    note(log_.save_cursors(id, conversation.report.wanted(), moved), out);
  const auto members = members_of(id);
  const UserId peer = members && members->has(self_) ? members->other(self_) : UserId{};
  out.emplace_back(ReceiptMoved{id, peer, moved});
}

// Receipts wait for the list, which says what the server knows already.
void Conversations::enter(ConversationId id, const Conversation& conversation) {
  if (const auto pull = conversation.timeline.next_due()) pulls_.enter(id, *pull);
  if (!is_listed_) return;
  if (const auto report = conversation.report.next_due()) reports_.enter(id, *report);
}

void Conversations::note(const Status& written, std::vector<Action>& out) {
  if (!written && !log_failed_) out.emplace_back(LogFailed{written.error()});
  log_failed_ = !written;
}

}  // namespace parley::client
