// A user who writes to his partner and reads what the partner writes: sends numbered messages, and
// checks every ack and delivery for order, repetition and completeness. Nothing of a message is
// kept but the number that its ack gave it.
#pragma once

#include <cstdint>
#include <vector>

#include "perf/load/channel_peer.h"
#include "perf/load/tally.h"
#include "perf/load/written_message.h"
#include "proto/c2c.pb.h"

namespace parley::perf {

// What all clients of a process share.
struct LoadRun {
  std::uint64_t id = 0;          // in each client message id, so that runs cannot meet
  std::size_t body_bytes = 120;  // at least 16
  std::size_t window = 1;        // unanswered messages of one client
  bool closed_loop = true;       // answer each ack with the next message until `until`
  Instant measured_from{};
  Instant until{};  // no message is intended from then on
  Tally tally;
};

class LoadClient final : public ChannelPeer {
 public:
  static constexpr std::size_t window_max = 1'024;

  // Requires: run.window <= window_max, and run outlives it.
  LoadClient(SocketLoop& loop, const PinnedKey& pin, LoadAccount account, UserId partner,
             LoadRun& run);

  // Closed loop: fills the window.
  void begin(Instant now);
  // Open loop: a message that was meant to be sent at `intended`. It is sent when the window has
  // room; its latency counts from here all the same.
  void intend(Instant intended, Instant now);
  // Tells the partner what has arrived since the last time, if anything.
  void send_receipt(Instant now);

  ConversationId conversation() const { return conversation_; }
  // By message, from 0: the number it was acknowledged with; 0: it was not.
  const std::vector<std::uint64_t>& acked() const { return acked_; }
  std::size_t in_flight() const { return in_flight_; }
  bool has_backlog() const { return next_waiting_ < waiting_.size(); }
  std::uint64_t acked_count() const { return acked_count_; }
  std::uint64_t delivered_count() const { return delivered_count_; }

 private:
  void send(Instant intended, Instant now);
  void send_waiting(Instant now);
  void on_frame(const Frame& frame, Instant now) override;
  void on_ack(const Frame& frame, Instant now);
  void on_message(const Frame& frame, Instant now);
  void on_refusal(const Frame& frame, Instant now);
  void complete(Instant now);
  bool is_measured(Instant at) const { return at >= run_.measured_from && at < run_.until; }

  LoadRun& run_;
  UserId partner_;
  ConversationId conversation_;
  WrittenMessage message_;
  std::vector<std::uint64_t> acked_;
  std::vector<Instant> intended_;  // ring of window_max, by message
  std::vector<Instant> waiting_;   // open loop: intended, no room yet
  std::size_t next_waiting_ = 0;
  std::size_t in_flight_ = 0;
  std::uint64_t acked_count_ = 0;
  std::uint64_t highest_acked_seq_ = 0;
  std::uint64_t delivered_count_ = 0;
  std::uint32_t next_expected_ = 0;  // of the partner's messages
  std::uint64_t received_ = 0;       // highest seq
  std::uint64_t receipted_ = 0;
  std::uint32_t receipts_ = 0;
};

}  // namespace parley::perf
