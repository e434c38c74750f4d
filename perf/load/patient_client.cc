#include "perf/load/patient_client.h"

#include <algorithm>

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
      message_(run.body_bytes) {}

void PatientClient::offer(Instant intended, Instant now) {
  ++run_.counts.offered;
  if (waiting_.size() >= run_.outbox_max) {
    ++run_.counts.shed;
    return;
  }
  waiting_.push_back({.n = static_cast<std::uint32_t>(acked_.size()), .intended = intended});
  acked_.push_back(0);
  pump(now);
}

void PatientClient::pump(Instant now) {
  if (!is_ready() || now < paused_until_) return;
  while (!waiting_.empty() && in_flight_.size() < run_.window) {
    const Message next = waiting_.front();
    waiting_.pop_front();
    if (now - next.intended > run_.deadline) ++run_.counts.given_up;
    else send(next, now);
  }
}

void PatientClient::send(const Message& message, Instant now) {
  in_flight_.emplace(message.n, message);
  send_frame({.kind = FrameKind::request,
              .verb = static_cast<std::uint16_t>(Verb::c2c_send),
              .number = message.n,
              .target = conversation_.value},
             message_.fill(message_id(run_.id, user(), message.n), message.n, message.intended),
             now);
}

void PatientClient::on_frame(const Frame& frame, Instant now) {
  switch (frame.header.kind) {
    case FrameKind::reply: return on_ack(frame, now);
    case FrameKind::error: return on_refusal(frame, now);
    case FrameKind::close: return lose("closed by the gateway");
    default: return;  // what the partner wrote
  }
}

void PatientClient::on_ack(const Frame& frame, Instant now) {
  wire::SendReply reply;
  const auto answered = in_flight_.find(frame.header.number);
  if (!reply.ParseFromArray(frame.body.data(), static_cast<int>(frame.body.size())) ||
      answered == in_flight_.end() || reply.seq() == 0)
    return lose("an ack for nothing that was sent");
  acked_[answered->first] = reply.seq();
  const Duration took = now - answered->second.intended;
  ++(took <= run_.deadline ? run_.counts.good : run_.counts.late);
  run_.counts.ack.record(took);
  in_flight_.erase(answered);
  pump(now);
}

void PatientClient::on_refusal(const Frame& frame, Instant now) {
  wire::ErrorBody error;
  const auto answered = in_flight_.find(frame.header.number);
  if (!error.ParseFromArray(frame.body.data(), static_cast<int>(frame.body.size())) ||
      answered == in_flight_.end())
    return lose("an error for nothing that was sent");
  const auto code = errc_from(static_cast<std::uint16_t>(error.code()));
  if (!code || !is_retryable(*code))
    return lose("refused with error " + std::to_string(error.code()));
  ++run_.counts.refused;
  Message again = answered->second;
  in_flight_.erase(answered);
  const Duration own =
      backoff(again.refusals++, like_ours.backoff_base, like_ours.backoff_cap, run_.random);
  const auto place = std::ranges::lower_bound(waiting_, again.n, {}, &Message::n);
  waiting_.insert(place, again);
  const Duration hint = std::chrono::milliseconds(error.retry_after_ms());
  paused_until_ = std::max(paused_until_, now + pause_after_refusal(own, hint, run_.random));
}

}  // namespace parley::perf
