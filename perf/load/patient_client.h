// A user as our own client (client/outbox.h) treats him: what is refused with a retryable error is sent again, the
// same message under the same id, after a pause that doubles with its attempts and is no shorter than the server
// asked for; meanwhile nothing else is sent. A refusal narrows his congestion window. What he writes waits in an
// outbox; when that is full he is told at once (the message is shed), and what got too old in it is given up.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "base/random.h"
#include "client/congestion_window.h"
#include "perf/histogram.h"
#include "perf/load/channel_peer.h"
#include "perf/load/written_message.h"

namespace parley::perf {

// What became of the messages that were meant to be sent in one stretch of time.
struct PatientCounts {
  std::uint64_t offered = 0;
  std::uint64_t shed = 0;      // the outbox was full
  std::uint64_t given_up = 0;  // not sent (again) before their deadline
  std::uint64_t refused = 0;   // answers with a retryable error; one message may have several
  std::uint64_t good = 0;      // acknowledged before their deadline
  std::uint64_t late = 0;      // acknowledged after it
  LatencyHistogram ack = {};   // from the intended moment

  void add(const PatientCounts& other);
};

// What all clients of a run share.
struct PatientRun {
  std::uint64_t id = 0;
  std::size_t body_bytes = 120;
  std::size_t window = 128;     // unanswered messages of one client, at most
  std::size_t outbox_max = 64;  // waiting messages of one client; more: the newest is shed
  Duration deadline = 5s;       // after it an ack is worth nothing to the user
  PatientCounts counts;         // since somebody last took them
  Random random{1};
};

class PatientClient final : public ChannelPeer {
 public:
  // Requires: run outlives it.
  PatientClient(SocketLoop& loop, const PinnedKey& pin, LoadAccount account, UserId partner,
                PatientRun& run);

  // He means to send a message at `intended`; latencies count from there.
  void offer(Instant intended, Instant now);
  // Sends what waits, if its pause is over.
  void pump(Instant now);

  ConversationId conversation() const { return conversation_; }
  // By message, from 0: the number it was acknowledged with; 0: it was not.
  const std::vector<std::uint64_t>& acked() const { return acked_; }
  bool is_idle() const { return waiting_.empty() && window_.unanswered() == 0; }

 private:
  struct Message {
    Instant intended;
    unsigned refusals = 0;
    client::CongestionWindow::Ticket ticket = 0;  // 0: not in flight
  };
  void send(std::uint32_t n, Instant now);
  // What an answer is for; null: nothing that is in flight.
  Message* answered(const Frame& frame);
  void on_frame(const Frame& frame, Instant now) override;
  void on_ack(const Frame& frame, Instant now);
  void on_refusal(const Frame& frame, Instant now);

  PatientRun& run_;
  ConversationId conversation_;
  WrittenMessage message_;
  std::vector<Message> messages_;      // by n
  std::vector<std::uint64_t> acked_;   // by n
  std::deque<std::uint32_t> waiting_;  // in order
  client::CongestionWindow window_;
  Instant paused_until_{};
};

}  // namespace parley::perf
