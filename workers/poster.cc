#include "workers/poster.h"

#include "base/assert.h"
#include "base/failpoint.h"

namespace parley {
namespace {

void fill(const NewEntry& entry, const Appended& appended, wire::Entry& out) {
  out.set_seq(appended.seq.value);
  out.set_sender(entry.sender.value);
  out.set_client_id(entry.client_id.data(), entry.client_id.size());
  out.set_kind(static_cast<wire::MessageKind>(entry.kind));
  out.set_body(entry.body.data(), entry.body.size());
  out.set_time_ms(appended.time_ms);
}

// What failpoints answer.
std::vector<Result<Appended>> refuse_all(std::size_t postings) {
  return std::vector<Result<Appended>>(postings, fail(Errc::retry_later, "failpoint", 100));
}

}  // namespace

std::vector<Result<Appended>> Poster::post(std::span<const Posting> postings,
                                           std::vector<Delivery>& deliveries) {
  std::vector<ConversationId> targets;
  targets.reserve(postings.size());
  for (const Posting& posting : postings) targets.push_back(posting.entry.conversation);
  const auto closed = book_.open(targets);

  std::vector<Result<Appended>> results(postings.size(), Appended{});
  std::vector<NewEntry> entries;
  std::vector<std::size_t> places;
  entries.reserve(postings.size());
  places.reserve(postings.size());
  for (std::size_t i = 0; i < postings.size(); ++i) {
    if (const auto failure = closed.find(targets[i]); failure != closed.end()) {
      results[i] = tl::unexpected(failure->second);
    } else {
      entries.push_back(postings[i].entry);
      places.push_back(i);
    }
  }
  if (entries.empty()) return results;

  if (failpoint(Failpoint::wk_before_begin) == FailAction::fail) return refuse_all(results.size());
  const auto appended = log_.append(entries);
  if (failpoint(Failpoint::wk_after_commit_before_reply) == FailAction::fail)
    return refuse_all(results.size());
  PARLEY_ASSERT(appended.size() == entries.size());
  deliveries.reserve(deliveries.size() + entries.size());
  for (std::size_t j = 0; j < entries.size(); ++j) {
    if (appended[j]) {
      book_.saw(entries[j].conversation, appended[j]->seq);
      deliveries.push_back(delivery_of(postings[places[j]], *appended[j]));
      results[places[j]] = appended[j];
    } else {
      results[places[j]] = tl::unexpected(reason(entries[j], appended[j].error()));
    }
  }
  return results;
}

Error Poster::reason(const NewEntry& entry, const Error& error) {
  if (error.code != Errc::not_found) return error;
  book_.forget(entry.conversation);
  return {Errc::retry_later, "append: the conversation is not open any more"};
}

Delivery Poster::delivery_of(const Posting& posting, const Appended& appended) {
  const NewEntry& entry = posting.entry;
  fill(entry, appended, *notice_.mutable_entry());
  const UserId peer = members_of(entry.conversation)->other(entry.sender);
  return {.notice = Notice::c2c_message,
          .key = entry.conversation.value,
          .target = entry.conversation.value,
          .skip_device = posting.from,
          .users = {entry.sender, peer},
          .body = notice_.SerializeAsString(),
          .trace = posting.trace};
}

}  // namespace parley
