// The broker: who is registered, who lives, which worker gets which request, who gets its answer.
// A pure state machine: no socket, clock, thread or log. The shell (broker_process.h) feeds it what
// arrived and performs what it wants done; tests and the simulator drive this very object.
//
// Guarantees, as long as this broker lives:
//  - an accepted request is answered to its asker at most once, and either that or the asker's own
//    deadline happens: by its worker's reply, or by retry_later (queue full, time up), no_service,
//    or internal (parked as poison)
//  - requests of one (service, key) reach workers in the order in which they came, repetitions
//  included
//  - a worker never holds more than the credit it granted, nor a receiver of deliveries
//  - nobody does what neither his role nor his key allows (may_send(), Principal)
// The bus never looks into a request's body. Every table is bounded: BrokerOptions names the
// policies.
#pragma once

#include <deque>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "bus/broker_output.h"
#include "bus/broker_types.h"
#include "bus/deliveries.h"
#include "bus/dispatcher.h"
#include "bus/peers.h"
#include "bus/principal.h"
#include "bus/role_rates.h"
#include "bus/trace_desk.h"
#include "proto/bus.pb.h"
#include "proto/envelope.h"

namespace parley {

class Broker {
 public:
  Broker(BrokerOptions options, Instant now);
  Broker(const Broker&) = delete;
  Broker& operator=(const Broker&) = delete;

  // One envelope from that address; `who` is what the transport knows of its sender. Malformed or
  // misplaced ones are dropped and counted.
  void on_message(const PeerKey& from, const Principal& who, std::string bytes, Instant now);
  // A send to that address found nobody there. What he said before may still arrive; he is given nothing more
  // until on_unreachable(), which must follow. False: nobody is registered there.
  bool on_send_failed(const PeerKey& peer);
  // ZeroMQ takes no more for that address: who has so much unread is stuck. He may register again.
  void on_stuck(const PeerKey& peer, Instant now, std::span<const std::string> undelivered);
  // A send to that address found nobody there: the peer is dead. `undelivered`: the envelopes that did not
  // get there; a request among them has not been tried.
  void on_unreachable(const PeerKey& peer, Instant now,
                      std::span<const std::string> undelivered = {});
  // Some connection was lost, ZeroMQ does not say whose: pings everybody, so that sending to the
  // dead one fails at once instead of after dead_after.
  void on_disconnect_hint(Instant now);
  // Call it about every 100 ms, after everything that has arrived was handed over: silence is
  // judged here.
  void on_tick(Instant now);
  // The allow-list has changed: who may no longer be what he is, is sent away.
  void on_keys_changed(const std::function<bool(const Principal&)>& is_valid, Instant now);

  // From now on gateways are sent elsewhere; what is held goes on. Final.
  void drain(Instant now);
  // Draining, and nothing is held any more.
  bool is_drained() const { return draining_ && dispatcher_.idle(); }

  // What is to be done since the last call; send each receiver's actions in their order.
  std::vector<BrokerAction> take_actions() { return output_.take_actions(); }
  std::vector<BrokerEvent> take_events() { return std::exchange(output_.events, {}); }

  // What `parley status` shows.
  wire::BrokerStatus status();
  // How much of both waits to be taken.
  std::size_t output_size() const { return output_.actions.size() + output_.events.size(); }

  const BrokerCounters& counters() const { return output_.counters; }
  std::size_t peers() const { return peers_.size(); }
  std::size_t held() const { return dispatcher_.held(); }
  std::size_t held_bytes() const { return dispatcher_.held_bytes(); }
  // Of those held: without a worker or waiting for one's credit.
  std::size_t waiting() const { return dispatcher_.waiting(); }
  // Requests that were set aside, oldest first.
  const std::deque<ParkedRequest>& parked() const { return dispatcher_.poison().all(); }

 private:
  void advance(Instant now);
  void on_register(const PeerKey& from, const Principal& who, const Envelope& envelope);
  void on_peer(Peer& peer, const EnvelopeHeader& header, std::string bytes);
  void on_request(Peer& asker, const EnvelopeHeader& header, std::string bytes);
  void on_business_request(Peer& asker, const EnvelopeHeader& said, std::string_view bytes);
  void on_deliver(Peer& worker, const EnvelopeHeader& header, std::string bytes);
  void on_drain(Peer& peer);
  void on_question(const PeerKey& from, const Envelope& envelope, const Principal& who,
                   const Peer* peer);
  bool is_within_rate(const Peer& peer);
  void misplaced(const Peer& peer);

  // What operators ask (broker_admin.cc).
  using Tickets = google::protobuf::RepeatedField<std::uint64_t>;
  void on_status(const PeerKey& from);
  void on_admin(const PeerKey& from, const Envelope& envelope);
  Result<wire::AdminReply> carry_out(const PeerKey& from, const RequestId& about,
                                     const wire::AdminRequest& request);
  Result<wire::AdminReply> ask_to_drain(const std::string& name);
  wire::AdminReply list_poison() const;
  wire::AdminReply for_tickets(const Tickets& tickets,
                               const std::function<bool(std::uint64_t)>& each);
  wire::AdminReply start_trace(const PeerKey& from, const RequestId& about,
                               const wire::TraceQuery& query);
  void on_trace_answer(const Peer& peer, const EnvelopeHeader& header, std::string_view bytes);
  void reply_to_admin(const PeerKey& to, const RequestId& about,
                      const Result<wire::AdminReply>& reply);

  Status make_way_for(const PeerKey& from, const Peer& candidate);
  void welcome(const Peer& peer);
  void say(const PeerKey& to, const Principal& who, EnvelopeKind kind);
  void say(const Peer& to, EnvelopeKind kind) { say(to.key, to.principal, kind); }
  void turn_away(const PeerKey& to, const Principal& who, const RequestId& about, Errc reason);
  void turn_away(const Peer& to, Errc reason) { turn_away(to.key, to.principal, {}, reason); }
  void lose(Peer& peer, PeerEvent::Kind why);
  void judge_silence(Instant now);
  void probe(Peer& peer);
  // Of somebody who need not be a peer: perhaps he only has the address of one.
  void tell(PeerEvent::Kind kind, const PeerKey& from, const Principal& who, const Peer* peer);

  BrokerOptions options_;
  BrokerOutput output_;
  Peers peers_;
  Dispatcher dispatcher_;
  Deliveries deliveries_;
  TraceDesk traces_;
  RoleMeter meter_;
  Instant started_;
  Instant now_;
  Instant ticked_;
  // While this process stood still, what waits in its sockets has aged by up to so long.
  Duration backlog_age_{0};
  bool in_grace_ = true;
  bool draining_ = false;
};

}  // namespace parley
