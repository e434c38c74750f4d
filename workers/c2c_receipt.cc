#include "workers/c2c_receipt.h"

#include <algorithm>

namespace parley {
namespace {

Cursors wanted(const wire::ReceiptRequest& request) {
  return {.received = Seq{std::max(request.received(), request.read())},
          .read = Seq{request.read()}};
}

Answer answer_of(const Cursors& at) {
  wire::ReceiptReply reply;
  reply.set_received(at.received.value);
  reply.set_read(at.read.value);
  return answer_with(reply);
}

Delivery notice_of(UserId user, ConversationId conversation, const Cursors& at, DeviceId from) {
  wire::ReceiptNotice notice;
  notice.set_user(user.value);
  notice.set_received(at.received.value);
  notice.set_read(at.read.value);
  return {.notice = Notice::c2c_receipt_notice,
          .key = conversation.value,
          .target = conversation.value,
          .skip_device = from,
          .users = {user, members_of(conversation)->other(user)},
          .body = notice.SerializeAsString()};
}

bool differ(const Cursors& a, const Cursors& b) {
  return a.received != b.received || a.read != b.read;
}

}  // namespace

Outcome C2cReceipts::move(std::span<const Request<wire::ReceiptRequest>> requests) {
  Outcome outcome;
  outcome.answers.assign(requests.size(), fail(Errc::not_found, "not in his list"));
  std::vector<Wish> wishes = gather(requests);
  if (Status done = carry_out(wishes, outcome); !done)
    outcome.answers.assign(requests.size(), tl::unexpected(std::move(done).error()));
  return outcome;
}

std::vector<C2cReceipts::Wish> C2cReceipts::gather(
    std::span<const Request<wire::ReceiptRequest>> requests) {
  std::vector<Wish> wishes;
  std::unordered_map<Place, std::size_t, PlaceHash> index;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const EnvelopeHeader& header = requests[i].header;
    const Place place{header.user, ConversationId{header.target}};
    const auto [found, is_new] = index.try_emplace(place, wishes.size());
    if (is_new) wishes.push_back({place, {}, header.device, header.trace, {}, false});
    Wish& wish = wishes[found->second];
    const Cursors to = wanted(requests[i].body);
    wish.to.received = std::max(wish.to.received, to.received);
    wish.to.read = std::max(wish.to.read, to.read);
    if (wish.from != header.device) wish.from = DeviceId{};
    wish.requests.push_back(i);
    wish.repeated |= header.attempt > 1;
  }
  return wishes;
}

Status C2cReceipts::clamp_to_heads(std::vector<Wish>& wishes) {
  std::vector<ConversationBook::HeadQuestion> questions;
  for (const Wish& wish : wishes) questions.push_back({wish.place.second, wish.to.received});
  PARLEY_TRY(const auto heads, book_.heads(questions));
  for (std::size_t i = 0; i < wishes.size(); ++i) {
    wishes[i].to.received = std::min(wishes[i].to.received, heads[i]);
    wishes[i].to.read = std::min(wishes[i].to.read, heads[i]);
  }
  return {};
}

Result<std::vector<std::optional<Cursors>>> C2cReceipts::before(const std::vector<Wish>& wishes) {
  std::vector<std::optional<Cursors>> known(wishes.size());
  std::vector<Place> unknown;
  std::vector<std::size_t> at;
  for (std::size_t i = 0; i < wishes.size(); ++i) {
    if (const Cursors* seen = last_seen_.find(wishes[i].place)) {
      known[i] = *seen;
    } else {
      unknown.push_back(wishes[i].place);
      at.push_back(i);
    }
  }
  if (unknown.empty()) return known;
  PARLEY_TRY(const auto read, users_.cursors(unknown));
  for (std::size_t j = 0; j < at.size(); ++j) known[at[j]] = read[j];
  return known;
}

Status C2cReceipts::carry_out(std::vector<Wish>& wishes, Outcome& outcome) {
  PARLEY_CHECK(clamp_to_heads(wishes));
  PARLEY_TRY(const auto stood, before(wishes));
  std::vector<CursorMove> moves;
  for (const Wish& wish : wishes) moves.push_back({wish.place.first, wish.place.second, wish.to});
  PARLEY_TRY(const auto stand, users_.move_cursors(moves));
  for (std::size_t i = 0; i < wishes.size(); ++i) {
    if (!stand[i]) continue;  // not_found stays
    const auto& [user, conversation] = wishes[i].place;
    last_seen_.put(wishes[i].place, *stand[i]);
    for (const std::size_t place : wishes[i].requests)
      outcome.answers[place] = answer_of(*stand[i]);
    if (!wishes[i].repeated && stood[i] && !differ(*stood[i], *stand[i])) continue;
    outcome.deliveries.push_back(notice_of(user, conversation, *stand[i], wishes[i].from));
    outcome.deliveries.back().trace = wishes[i].trace;
  }
  return {};
}

}  // namespace parley
