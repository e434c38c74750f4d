#include "workers/conversation_book.h"

#include <algorithm>
#include <unordered_set>

#include "base/assert.h"

namespace parley {
namespace {

using Rows = std::vector<std::pair<UserId, ConversationId>>;

Result<std::unordered_set<UserId>> existing(UserStore& users, const Rows& rows) {
  std::vector<UserId> ids;
  for (const auto& [user, conversation] : rows) ids.push_back(user);
  std::ranges::sort(ids);
  ids.erase(std::ranges::unique(ids).begin(), ids.end());
  PARLEY_TRY(const auto profiles, users.profiles(ids, {}));
  std::unordered_set<UserId> found;
  for (const Profile& profile : profiles) found.insert(profile.id);
  return found;
}

Rows rows_of(std::span<const ConversationId> conversations) {
  Rows rows;
  for (const ConversationId conversation : conversations) {
    const auto members = members_of(conversation);
    PARLEY_ASSERT(members.has_value());
    rows.emplace_back(members->low, conversation);
    rows.emplace_back(members->high, conversation);
  }
  return rows;
}

// One transaction of the users' family, one of the conversations'. A crash between them leaves an
// empty conversation in two lists; the repeated request completes it.
Status write_rows(UserStore& users, LogStore& log, std::span<const ConversationId> conversations) {
  if (conversations.empty()) return {};
  PARLEY_CHECK(users.list_conversations(rows_of(conversations)));
  return log.open(conversations);
}

}  // namespace

std::unordered_map<ConversationId, Error> ConversationBook::open(
    std::span<const ConversationId> conversations) {
  std::vector<ConversationId> unknown;
  for (const ConversationId conversation : conversations) {
    if (heads_.find(conversation) == nullptr) unknown.push_back(conversation);
  }
  std::unordered_map<ConversationId, Error> failures;
  if (unknown.empty()) return failures;
  std::ranges::sort(unknown);
  unknown.erase(std::ranges::unique(unknown).begin(), unknown.end());

  const auto fail_all = [&](const Error& error) {
    for (const ConversationId conversation : unknown) failures.emplace(conversation, error);
    return failures;
  };
  const auto found = existing(users_, rows_of(unknown));
  if (!found) return fail_all(found.error());
  std::erase_if(unknown, [&](ConversationId conversation) {
    const auto members = members_of(conversation);
    if (found->contains(members->low) && found->contains(members->high)) return false;
    failures.emplace(conversation, Error{Errc::not_found, "no such user"});
    return true;
  });
  if (const Status written = write_rows(users_, log_, unknown); !written)
    return fail_all(written.error());
  for (const ConversationId conversation : unknown) heads_.put(conversation, Seq{0});
  return failures;
}

Result<std::vector<Seq>> ConversationBook::heads(std::span<const HeadQuestion> questions) {
  std::vector<Seq> answer(questions.size());
  std::vector<ConversationId> unsure;
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < questions.size(); ++i) {
    const Seq* known = heads_.find(questions[i].conversation);
    if (known != nullptr && *known >= questions[i].at_least) {
      answer[i] = *known;
    } else {
      unsure.push_back(questions[i].conversation);
      places.push_back(i);
    }
  }
  if (unsure.empty()) return answer;
  PARLEY_TRY(const auto heads, log_.heads(unsure));
  for (std::size_t j = 0; j < unsure.size(); ++j) {
    answer[places[j]] = heads[j];
    // A log that is not empty belongs to a conversation that was opened.
    if (heads[j]) heads_.put(unsure[j], heads[j]);
  }
  return answer;
}

void ConversationBook::saw(ConversationId conversation, Seq seq) {
  if (Seq* head = heads_.find(conversation)) *head = std::max(*head, seq);
}

}  // namespace parley
