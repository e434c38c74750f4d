#include "client/outbox.h"

#include <algorithm>
#include <cstring>

#include "base/assert.h"

namespace parley::client {
namespace {

Duration pause_after(const Error& error, unsigned attempts, const OutboxOptions& options,
                     Random& random) {
  const Duration own = backoff(attempts - 1, options.backoff_base, options.backoff_cap, random);
  return pause_after_refusal(own, std::chrono::milliseconds(error.retry_after_ms), random);
}

}  // namespace

std::size_t Outbox::IdHash::operator()(const ClientMessageId& id) const {
  std::size_t hash = 0;
  std::memcpy(&hash, id.data(), sizeof hash);
  return hash;
}

Status Outbox::add(Outgoing message, Instant now) {
  if (size() >= options_.messages_max) return fail(Errc::retry_later, "the outbox is full");
  const ConversationId conversation = message.conversation;
  if (!conversation_of_.emplace(message.id, conversation).second)
    return fail(Errc::conflict, "a message with this id is waiting already");
  lanes_[conversation].push_back({std::move(message), 0, now});
  enter_lane(conversation);
  return {};
}

void Outbox::connected(std::size_t in_flight_max) {
  PARLEY_ASSERT(window_.unanswered() == 0);
  window_ = CongestionWindow(in_flight_max);
}

std::optional<Instant> Outbox::next_due() const {
  return window_.has_room() ? lanes_due_.next() : std::nullopt;
}

const Outgoing* Outbox::take_due(Instant now) {
  if (!window_.has_room()) return nullptr;
  while (const auto conversation = lanes_due_.take_due(now)) {
    const auto lane = lanes_.find(*conversation);
    if (lane == lanes_.end()) continue;
    const auto slot = first_waiting(lane->second);
    const auto in_flight = static_cast<std::size_t>(slot - lane->second.begin());
    const bool is_full = in_flight >= options_.in_flight_per_conversation_max;
    if (slot == lane->second.end() || is_full) continue;
    if (*slot->due > now) {
      lanes_due_.enter(*conversation, *slot->due);
      continue;
    }
    slot->due.reset();
    slot->ticket = window_.sent();
    ++slot->attempts;
    enter_lane(*conversation);
    return &slot->message;
  }
  return nullptr;
}

std::optional<Outgoing> Outbox::acked(const ClientMessageId& id) {
  const Slot* slot = find(id);
  if (slot == nullptr) return std::nullopt;
  if (!slot->due) window_.taken(slot->ticket);
  return remove(id);
}

std::optional<Outgoing> Outbox::abandon(const ClientMessageId& id) {
  const Slot* slot = find(id);
  if (slot == nullptr) return std::nullopt;
  if (!slot->due) window_.ended();
  return remove(id);
}

std::optional<Outgoing> Outbox::failed(const ClientMessageId& id, const Error& error, Instant now) {
  Slot* slot = find(id);
  if (slot == nullptr || slot->due) return std::nullopt;
  window_.failed(slot->ticket, error.code);
  if (!is_retryable(error.code) || slot->attempts >= options_.attempts_max) return remove(id);
  slot->due = now + pause_after(error, slot->attempts, options_, random_);
  enter_lane(slot->message.conversation);
  return std::nullopt;
}

std::vector<Outgoing> Outbox::disconnected(Instant now) {
  std::vector<ClientMessageId> used_up;
  for (auto& [conversation, lane] : lanes_) {
    for (Slot& slot : lane) {
      if (slot.due) continue;
      window_.ended();
      slot.due = now;
      if (slot.attempts >= options_.attempts_max) used_up.push_back(slot.message.id);
    }
    enter_lane(conversation);
  }
  std::vector<Outgoing> given_up;
  for (const ClientMessageId& id : used_up) given_up.push_back(remove(id));
  return given_up;
}

Outbox::Slot* Outbox::find(const ClientMessageId& id) {
  const auto conversation = conversation_of_.find(id);
  if (conversation == conversation_of_.end()) return nullptr;
  Lane& lane = lanes_.at(conversation->second);
  const auto slot = std::ranges::find_if(lane, [&](const Slot& s) { return s.message.id == id; });
  PARLEY_ASSERT(slot != lane.end());
  return &*slot;
}

Outgoing Outbox::remove(const ClientMessageId& id) {
  const ConversationId conversation = conversation_of_.at(id);
  Lane& lane = lanes_.at(conversation);
  const auto slot = std::ranges::find_if(lane, [&](const Slot& s) { return s.message.id == id; });
  Outgoing message = std::move(slot->message);
  lane.erase(slot);
  conversation_of_.erase(id);
  if (lane.empty()) lanes_.erase(conversation);
  else enter_lane(conversation);
  return message;
}

Outbox::Lane::iterator Outbox::first_waiting(Lane& lane) {
  return std::ranges::find_if(lane, [](const Slot& slot) { return slot.due.has_value(); });
}

// Entering a lane too early is harmless (take_due looks at its slots); entering it too late is not.
void Outbox::enter_lane(ConversationId conversation) {
  Lane& lane = lanes_.at(conversation);
  const auto slot = first_waiting(lane);
  const auto in_flight = static_cast<std::size_t>(slot - lane.begin());
  if (slot != lane.end() && in_flight < options_.in_flight_per_conversation_max)
    lanes_due_.enter(conversation, *slot->due);
}

}  // namespace parley::client
