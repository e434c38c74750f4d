#include "perf/load/patient_client.h"

#include <algorithm>
#include <utility>

#include "client/outbox.h"
#include "proto/c2c.pb.h"
#include "proto/common.pb.h"

namespace parley::perf {
namespace {

const client::OutboxOptions like_ours;

}  // namespace

void PatientCounts::add(const PatientCounts& other) {
  offered += other.offered;
  shed += other.shed;
  given_up += other.given_up;
  refused += other.refused;
  good += other.good;
  late += other.late;
  ack.add(other.ack);
}

PatientClient::PatientClient(SocketLoop& loop, const PinnedKey& pin, LoadAccount account,
                             UserId partner, PatientRun& run)
    : ChannelPeer(loop, pin, std::move(account)),
      run_(run),
      conversation_(direct_conversation(user(), partner)),
      message_(run.body_bytes),
      window_(run.window) {}

void PatientClient::offer(Instant intended, Instant now) {
  ++run_.counts.offered;
  if (waiting_.size() >= run_.outbox_max) {
    ++run_.counts.shed;
    return;
  }
  waiting_.push_back(static_cast<std::uint32_t>(messages_.size()));
  messages_.push_back({.intended = intended});
  acked_.push_back(0);
  pump(now);
}

void PatientClient::pump(Instant now) {
  if (!is_ready() || now < paused_until_) return;
  while (!waiting_.empty() && window_.has_room()) {
    const std::uint32_t n = waiting_.front();
    waiting_.pop_front();
    if (now - messages_[n].intended > run_.deadline) ++run_.counts.given_up;
    else send(n, now);
  }
}

void PatientClient::send(std::uint32_t n, Instant now) {
  messages_[n].ticket = window_.sent();
  send_frame({.kind = FrameKind::request,
              .verb = static_cast<std::uint16_t>(Verb::c2c_send),
              .number = n,
              .target = conversation_.value},
             message_.fill(message_id(run_.id, user(), n), n, messages_[n].intended), now);
}

void PatientClient::on_frame(const Frame& frame, Instant now) {
  switch (frame.header.kind) {
    case FrameKind::reply: return on_ack(frame, now);
    case FrameKind::error: return on_refusal(frame, now);
    case FrameKind::close: return lose("closed by the gateway");
    default: return;  // what the partner wrote
  }
}

PatientClient::Message* PatientClient::answered(const Frame& frame) {
  const std::uint32_t n = frame.header.number;
  return n < messages_.size() && messages_[n].ticket != 0 ? &messages_[n] : nullptr;
}

void PatientClient::on_ack(const Frame& frame, Instant now) {
  wire::SendReply reply;
  Message* message = answered(frame);
  if (!reply.ParseFromArray(frame.body.data(), static_cast<int>(frame.body.size())) ||
      message == nullptr || reply.seq() == 0)
    return lose("an ack for nothing that was sent");
  acked_[frame.header.number] = reply.seq();
  window_.taken(std::exchange(message->ticket, 0));
  const Duration took = now - message->intended;
  ++(took <= run_.deadline ? run_.counts.good : run_.counts.late);
  run_.counts.ack.record(took);
  pump(now);
}

void PatientClient::on_refusal(const Frame& frame, Instant now) {
  wire::ErrorBody error;
  Message* message = answered(frame);
  if (!error.ParseFromArray(frame.body.data(), static_cast<int>(frame.body.size())) ||
      message == nullptr)
    return lose("an error for nothing that was sent");
  const auto code = errc_from(static_cast<std::uint16_t>(error.code()));
  if (!code || !is_retryable(*code))
    return lose("refused with error " + std::to_string(error.code()));
  ++run_.counts.refused;
  window_.failed(std::exchange(message->ticket, 0), *code);
  waiting_.insert(std::ranges::lower_bound(waiting_, frame.header.number), frame.header.number);
  const Duration own =
      backoff(message->refusals++, like_ours.backoff_base, like_ours.backoff_cap, run_.random);
  const Duration hint = std::chrono::milliseconds(error.retry_after_ms());
  paused_until_ = std::max(paused_until_, now + pause_after_refusal(own, hint, run_.random));
}

}  // namespace parley::perf
