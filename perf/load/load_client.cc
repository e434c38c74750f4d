#include "perf/load/load_client.h"

#include <algorithm>

#include "base/assert.h"
#include "proto/common.pb.h"

namespace parley::perf {
namespace {

constexpr std::uint32_t receipt_number = 0x8000'0000;

}  // namespace

LoadClient::LoadClient(SocketLoop& loop, const PinnedKey& pin, LoadAccount account, UserId partner,
                       LoadRun& run)
    : ChannelPeer(loop, pin, std::move(account)),
      run_(run),
      partner_(partner),
      conversation_(direct_conversation(user(), partner)),
      message_(run.body_bytes),
      intended_(window_max) {
  PARLEY_ASSERT(run.window <= window_max);
}

void LoadClient::begin(Instant now) {
  while (in_flight_ < run_.window) send(now, now);
}

void LoadClient::intend(Instant intended, Instant now) {
  if (in_flight_ < run_.window && !has_backlog()) return send(intended, now);
  waiting_.push_back(intended);
}

void LoadClient::send(Instant intended, Instant now) {
  const auto n = static_cast<std::uint32_t>(acked_.size());
  acked_.push_back(0);
  intended_[n % window_max] = intended;
  send_frame({.kind = FrameKind::request,
              .verb = static_cast<std::uint16_t>(Verb::c2c_send),
              .number = n,
              .target = conversation_.value},
             message_.fill(message_id(run_.id, user(), n), n, intended), now);
  ++in_flight_;
  ++run_.tally.sent;
}

void LoadClient::on_frame(const Frame& frame, Instant now) {
  switch (frame.header.kind) {
    case FrameKind::reply:
      if (frame.header.verb == static_cast<std::uint16_t>(Verb::c2c_send)) on_ack(frame, now);
      return;
    case FrameKind::notice:
      if (frame.header.verb == static_cast<std::uint16_t>(Notice::c2c_message))
        on_message(frame, now);
      return;
    case FrameKind::error: return on_refusal(frame, now);
    case FrameKind::pong: ++run_.tally.pongs; return;
    case FrameKind::close: return lose("closed by the gateway");
    default: return;
  }
}

void LoadClient::on_ack(const Frame& frame, Instant now) {
  wire::SendReply reply;
  const std::uint32_t n = frame.header.number;
  if (!reply.ParseFromArray(frame.body.data(), static_cast<int>(frame.body.size())) ||
      n >= acked_.size() || acked_[n] != 0 || reply.seq() == 0)
    return lose("an ack for nothing that was sent");
  acked_[n] = reply.seq();
  ++acked_count_;
  ++run_.tally.acked;
  if (reply.seq() < highest_acked_seq_) ++run_.tally.acks_misordered;
  highest_acked_seq_ = std::max(highest_acked_seq_, reply.seq());
  const Instant intended = intended_[n % window_max];
  if (is_measured(intended)) run_.tally.ack.record(now - intended);
  if (is_measured(now)) ++run_.tally.acked_in_window;
  complete(now);
}

void LoadClient::on_refusal(const Frame& frame, Instant now) {
  wire::ErrorBody error;
  if (!error.ParseFromArray(frame.body.data(), static_cast<int>(frame.body.size())))
    return lose("unreadable error");
  const auto code = errc_from(static_cast<std::uint16_t>(error.code()));
  ++run_.tally.refused[code ? std::string(name_of(*code)) : std::to_string(error.code())];
  if (frame.header.number < receipt_number) complete(now);
}

void LoadClient::complete(Instant now) {
  --in_flight_;
  if (run_.closed_loop) {
    if (now < run_.until) send(now, now);
  } else {
    send_waiting(now);
  }
}

void LoadClient::send_waiting(Instant now) {
  while (has_backlog() && in_flight_ < run_.window) send(waiting_[next_waiting_++], now);
  if (has_backlog()) return;
  waiting_.clear();
  next_waiting_ = 0;
}

void LoadClient::on_message(const Frame& frame, Instant now) {
  wire::MessageNotice notice;
  if (!notice.ParseFromArray(frame.body.data(), static_cast<int>(frame.body.size())) ||
      notice.entry().body().size() != run_.body_bytes ||
      UserId{notice.entry().sender()} != partner_ || frame.header.target != conversation_.value)
    return lose("a message that nobody sent to us");
  const wire::Entry& entry = notice.entry();
  const std::uint32_t n = WrittenMessage::n_of(entry.body());
  if (n < next_expected_ || entry.seq() <= received_) {
    // Late (its place was skipped) or a repetition: the numbers cannot tell here, the total will.
    ++(entry.seq() == received_ ? run_.tally.duplicates : run_.tally.misordered);
    return;
  }
  next_expected_ = n + 1;
  received_ = entry.seq();
  ++delivered_count_;
  ++run_.tally.delivered;
  const Instant intended = WrittenMessage::intended_of(entry.body());
  if (is_measured(intended)) run_.tally.delivery.record(now - intended);
}

void LoadClient::send_receipt(Instant now) {
  if (!is_ready() || received_ == receipted_) return;
  wire::ReceiptRequest receipt;
  receipt.set_received(received_);
  receipt.set_read(received_);
  receipted_ = received_;
  send_frame({.kind = FrameKind::request,
              .verb = static_cast<std::uint16_t>(Verb::c2c_receipt),
              .number = receipt_number + receipts_++,
              .target = conversation_.value},
             receipt.SerializeAsString(), now);
}

}  // namespace parley::perf
