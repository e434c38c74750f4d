#include "workers/c2c_read.h"

#include <algorithm>

#include "base/failpoint.h"
#include "proto/limits.h"
#include "store/limits.h"

namespace parley {
namespace {

// No log reaches that far, so a greater number asks for the same.
Seq seq_of(std::uint64_t number) { return Seq{std::min(number, limits::stored_number_max)}; }

PageBound page_of(std::uint32_t entries) {
  return {.entries = std::min(entries, limits::page_max), .bytes = limits::page_bytes_max};
}

void encode(const Entry& entry, wire::Entry& out) {
  out.set_seq(entry.seq.value);
  out.set_sender(entry.sender.value);
  out.set_client_id(entry.client_id.data(), entry.client_id.size());
  out.set_kind(static_cast<wire::MessageKind>(entry.kind));
  out.set_body(entry.body);
  out.set_time_ms(entry.time_ms);
}

Answer answer_of(const Page& page) {
  wire::EntriesReply reply;
  for (const Entry& entry : page.entries) encode(entry, *reply.add_entries());
  reply.set_head(page.head.value);
  reply.set_more(page.more);
  return answer_with(reply);
}

// Groups, which a newer release may have listed, are not for this verb. Their ids sort after those
// of all direct conversations, so a page that is cut where they begin is the last one.
std::vector<ListedConversation> direct_ones(std::vector<ListedConversation> listed, UserId user) {
  std::erase_if(listed, [&](const ListedConversation& row) {
    const auto members = members_of(row.conversation);
    return !members || !members->has(user);
  });
  return listed;
}

}  // namespace

Response C2cReader::pull(const Request<wire::PullRequest>& request) {
  const wire::PullRequest& asked = request.body;
  if (asked.from() == 0 || asked.to() < asked.from()) return fail(Errc::bad_request, "range");
  PARLEY_TRY(const Page page,
             log_.range(ConversationId{request.header.target}, seq_of(asked.from()),
                        seq_of(asked.to()), page_of(limits::page_max)));
  if (failpoint(Failpoint::sync_after_query) == FailAction::fail)
    return fail(Errc::retry_later, "failpoint", 100);
  return answer_of(page);
}

Response C2cReader::history(const Request<wire::HistoryRequest>& request) {
  const wire::HistoryRequest& asked = request.body;
  if (asked.limit() == 0) return fail(Errc::bad_request, "limit");
  PARLEY_TRY(const Page page, log_.before(ConversationId{request.header.target},
                                          seq_of(asked.before()), page_of(asked.limit())));
  return answer_of(page);
}

Response C2cReader::conversations(const Request<wire::ConversationsRequest>& request) {
  const UserId user = request.header.user;
  const ConversationId after{std::min(request.body.after(), limits::stored_number_max)};
  const std::uint32_t limit = std::min(request.body.limit(), limits::page_max);
  if (limit == 0) return fail(Errc::bad_request, "limit");
  PARLEY_TRY(auto rows, users_.conversations(user, after, limit + 1));
  auto listed = direct_ones(std::move(rows), user);

  wire::ConversationsReply reply;
  reply.set_more(listed.size() > limit);
  if (reply.more()) listed.pop_back();
  std::vector<ConversationId> ids;
  std::vector<std::pair<UserId, ConversationId>> peers;
  for (const ListedConversation& row : listed) {
    ids.push_back(row.conversation);
    peers.emplace_back(members_of(row.conversation)->other(user), row.conversation);
  }
  if (ids.empty()) return answer_with(reply);
  PARLEY_TRY(const auto heads, log_.heads(ids));
  PARLEY_TRY(const auto peer_cursors, users_.cursors(peers));
  for (std::size_t i = 0; i < ids.size(); ++i) {
    wire::Conversation& out = *reply.add_conversations();
    const Cursors peer = peer_cursors[i].value_or(Cursors{});
    out.set_conversation(ids[i].value);
    out.set_head(heads[i].value);
    out.set_received(listed[i].cursors.received.value);
    out.set_read(listed[i].cursors.read.value);
    out.set_peer_received(peer.received.value);
    out.set_peer_read(peer.read.value);
  }
  return answer_with(reply);
}

}  // namespace parley
