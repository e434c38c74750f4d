// Messages that the user has sent and the server has not yet acknowledged. Pure.
//
// A message leaves the outbox in one of two ways, each told to the user: acknowledged, or given up. Until
// then it is sent again, always under its own id, so that the server keeps it once:
//
//   waiting ──take_due──▶ in flight ──acked──▶ gone (committed)
//      ▲                     │ └─definite error, or attempts_max reached──▶ gone (given up)
//      └──retryable error, no answer, connection lost; after a pause──┘
//
// Order: within a conversation a message is not sent before those added earlier. While at most
// one per conversation is in flight (the default) they are committed in the order in which they were added,
// whatever fails. With more, a retryable error in the middle lets later ones overtake: speed for bulk senders.
//
// In all conversations together a congestion window of them is in flight (client/congestion_window.h).
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "base/result.h"
#include "client/agenda.h"
#include "client/congestion_window.h"
#include "client/message.h"

namespace parley::client {

struct OutboxOptions {
  std::size_t messages_max = 10'000;  // beyond it add() refuses with retry_later
  std::size_t in_flight_per_conversation_max = 1;
  // The pauses up to this many attempts add up to about ten minutes. Being offline costs no attempts.
  unsigned attempts_max = 40;
  Duration backoff_base = 250ms;
  Duration backoff_cap = 15s;
};

class Outbox {
 public:
  Outbox(const OutboxOptions& options, std::uint64_t seed) : options_(options), random_(seed) {}

  // A new connection, with at most so many messages in flight. Requires: in_flight_max >= 1, and nothing is in flight.
  void connected(std::size_t in_flight_max);

  // retry_later: full. conflict: a message with this id is here already.
  Status add(Outgoing message, Instant now);
  // The next message to be sent now, which is in flight from then on; null: none. Valid until the next call.
  const Outgoing* take_due(Instant now);
  // When take_due may have something. Nothing: not before something in flight is answered, or ever.
  std::optional<Instant> next_due() const;

  // It is in the log. Nothing: not here (any more), so the user has been told.
  std::optional<Outgoing> acked(const ClientMessageId& id);
  // It was refused or not answered. The message, if that was the end of it.
  std::optional<Outgoing> failed(const ClientMessageId& id, const Error& error, Instant now);
  // The connection is gone: what was in flight is sent again, first, on the next. Returns what was
  // given up, because its attempts are used up: a message that ends every connection must not do so for ever.
  std::vector<Outgoing> disconnected(Instant now);
  // The user no longer wants it sent again. Nothing: not here.
  std::optional<Outgoing> abandon(const ClientMessageId& id);

  std::size_t size() const { return conversation_of_.size(); }

 private:
  struct Slot {
    Outgoing message;
    unsigned attempts = 0;
    // Waiting until then; nothing: in flight.
    std::optional<Instant> due;
    CongestionWindow::Ticket ticket = 0;  // of the last sending
  };
  using Lane = std::deque<Slot>;
  struct IdHash {
    // The ids are chance already.
    std::size_t operator()(const ClientMessageId& id) const;
  };
  Slot* find(const ClientMessageId& id);
  Outgoing remove(const ClientMessageId& id);
  static Lane::iterator first_waiting(Lane& lane);
  void enter_lane(ConversationId conversation);

  OutboxOptions options_;
  Random random_;
  CongestionWindow window_{1};  // of this connection; its unanswered are the slots in flight
  std::unordered_map<ConversationId, Lane> lanes_;
  std::unordered_map<ClientMessageId, ConversationId, IdHash> conversation_of_;
  Agenda<ConversationId> lanes_due_;
};

}  // namespace parley::client
