#include <algorithm>

#include "cli/verify/check.h"

namespace parley::verify {
namespace {

using Found = std::vector<std::string>;

// From here on a repetition is one "at any later time": whoever forgets client ids has begun to.
constexpr Duration horizon = 10s;

bool fault_between(const HistoryIndex& index, Instant from, Instant to) {
  return std::ranges::any_of(index.faults_at, [&](Instant at) { return from < at && at < to; });
}

// A repetition long after the ack, or after something was broken in between, is still the same
// message.
void dedupe_horizon(const HistoryIndex& index, Found& found) {
  for (const auto& [key, message] : index.messages) {
    if (message.attempts.size() < 2) continue;
    const Attempt* first = message.first_ok();
    if (!first) continue;
    for (const Attempt* again : message.attempts) {
      if (!again->ok || again->ok->seq == first->ok->seq) continue;
      const Duration later = again->invoked_at - *first->completed_at;
      if (later >= horizon || fault_between(index, *first->completed_at, again->invoked_at))
        found.push_back(name_of(key) + ", repeated " + std::to_string(to_ms(later)) +
                        " ms after its ack, was taken for a new one: " +
                        place(key.conversation, again->ok->seq));
    }
  }
}

std::string named(ConversationId conversation) {
  return "conversation " + std::to_string(conversation.value);
}

// Its members' lists name each conversation that has messages, and no others' do.
void torn_lists(const HistoryIndex& index, Found& found) {
  for (auto row = index.rows.begin(); row != index.rows.end();) {
    const ConversationId conversation = row->first.first;
    const auto members = members_of(conversation);
    for (const UserId user :
         {members ? members->low : UserId{}, members ? members->high : UserId{}})
      if (is_valid(user) && !index.lists.contains({user, conversation}))
        found.push_back(named(conversation) + " has messages and is not in the list of user " +
                        std::to_string(user.value));
    row = index.rows.upper_bound({conversation, Seq{UINT64_MAX}});
  }
  for (const auto& [user, conversation] : index.lists) {
    const auto members = members_of(conversation);
    if (members && !members->has(user))
      found.push_back(named(conversation) + " is in the list of user " +
                      std::to_string(user.value) + ", who is no member");
  }
}

void torn_heads(const HistoryIndex& index, Found& found) {
  for (auto row = index.rows.begin(); row != index.rows.end();) {
    const ConversationId conversation = row->first.first;
    if (!index.heads.contains(conversation))
      found.push_back(named(conversation) + " has messages and no head");
    row = index.rows.upper_bound({conversation, Seq{UINT64_MAX}});
  }
  for (const auto& [conversation, head] : index.heads)
    if (head > Seq{0} && !index.rows.contains({conversation, head}))
      found.push_back(named(conversation) + " has head " + std::to_string(head.value) +
                      " and no message there");
}

void torn(const HistoryIndex& index, Found& found) {
  if (index.heads_dumped) torn_heads(index, found);
  if (index.lists_dumped) torn_lists(index, found);
}

bool stored_so(const Message& message, std::uint64_t body) {
  return std::ranges::any_of(message.rows, [&](const Row* row) { return row->body == body; });
}

// "No" to what was stored. Another attempt may have stored it before; then "no" is wrong too, since
// a repetition gets the ack. One that stored it later makes the "no" true at its time.
void refused_and_stored(const HistoryIndex& index, Found& found) {
  for (const auto& [key, message] : index.messages)
    for (const Attempt* attempt : message.attempts) {
      if (!attempt->failed || !stored_so(message, attempt->invoked->body)) continue;
      const bool earlier = std::ranges::any_of(message.attempts, [&](const Attempt* other) {
        return other->ok && other->invoked->body == attempt->invoked->body &&
               other->completed_at < attempt->invoked_at;
      });
      const bool only = std::ranges::none_of(message.attempts, [&](const Attempt* other) {
        return other != attempt && other->invoked->body == attempt->invoked->body && !other->failed;
      });
      if (earlier || only)
        found.push_back(name_of(key) + " was refused (" + attempt->failed->error +
                        ") and is stored");
    }
}

// "Yes" to something other than what was stored.
void acknowledged_otherwise(const HistoryIndex& index, Found& found) {
  for (const auto& [key, message] : index.messages) {
    const Attempt* ok = message.first_ok();
    if (!ok || message.rows.size() != 1) continue;
    const Row& row = *message.rows.front();
    if (row.seq == ok->ok->seq && row.time_ms != ok->ok->time_ms)
      found.push_back(name_of(key) + " was acknowledged with another time than it is stored with");
    for (const Attempt* attempt : message.attempts)
      if (attempt->ok && attempt->invoked->body != row.body)
        found.push_back(name_of(key) + " was acknowledged for a body that is not the stored one");
  }
}

void dishonest(const HistoryIndex& index, Found& found) {
  if (!index.dumped) return;
  refused_and_stored(index, found);
  acknowledged_otherwise(index, found);
}

constexpr Rule rules[] = {
    {"A6", "a repetition is the same message however late it comes", dedupe_horizon},
    {"A8", "what belongs to a message is stored with it: its head, its place in both lists", torn,
     Rule::NeedsDump::yes},
    {"L6", "yes and no are true: what was refused is not stored, what was confirmed is, as it was",
     dishonest, Rule::NeedsDump::yes},
};

}  // namespace

std::span<const Rule> identity_rules() { return rules; }

}  // namespace parley::verify
