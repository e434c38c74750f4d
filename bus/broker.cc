#include "bus/broker.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "bus/registration.h"
#include "proto/limits.h"
#include "proto/verbs.h"

namespace parley {
namespace {

// Nobody waits longer for an answer, whatever he asks for.
constexpr Duration ttl_max = 60s;

bool takes_from_gateways(std::uint16_t verb) {
  const auto info = verb_info(verb);
  return !info || info->caller != Caller::business;  // a newer gateway may know more verbs than we
}

// Of somebody who has not said what he is: a key has one role.
Role presumed_role(const PeerKey& from, const Principal& who) {
  if (from.side == Side::workers) return Role::worker;
  for (const Role role : {Role::gateway, Role::business})
    if (who.roles.has(role)) return role;
  return Role::admin;
}

}  // namespace

Broker::Broker(BrokerOptions options, Instant now)
    : options_(std::move(options)),
      output_(options_),
      dispatcher_(options_, peers_, output_),
      deliveries_(options_, output_),
      meter_(options_.rates, options_.peers_max),
      started_(now),
      now_(now),
      ticked_(now) {
  dispatcher_.set_now(now);
  deliveries_.set_now(now);
}

void Broker::advance(Instant now) {
  // Ticks come every 100 ms; a gap of ping_every means that this process did not run.
  if (now - now_ >= options_.ping_every) {
    backlog_age_ = std::max(backlog_age_, now - now_);
  }
  now_ = now;
  dispatcher_.set_now(now);
  deliveries_.set_now(now);
}

void Broker::on_message(const PeerKey& from, const Principal& who, std::string bytes, Instant now) {
  advance(now);
  const auto envelope = decode_envelope(bytes);
  Peer* peer = peers_.find(from);
  if (!envelope) {
    ++output_.counters.malformed;
    return tell(PeerEvent::Kind::malformed, from, who, peer);
  }
  const EnvelopeHeader& header = envelope->header;
  if (peer != nullptr && peer->principal.key != who.key) {
    lose(*peer, PeerEvent::Kind::impostor);
    peer = nullptr;
  }
  if (header.kind == EnvelopeKind::register_peer) return on_register(from, who, *envelope);
  const bool tells_what_is_read =
      header.kind == EnvelopeKind::pong && output_.unread.read(from, header.id.number);
  if (peer != nullptr) peer->heard_at = now;
  if (header.kind == EnvelopeKind::status || header.kind == EnvelopeKind::admin)
    return on_question(from, *envelope, who, peer);
  // Who is not registered is asked what he has read of our refusals, and is not refused for his answer.
  if (peer == nullptr && tells_what_is_read) return;
  if (peer == nullptr) {
    ++output_.counters.strangers;
    tell(PeerEvent::Kind::unregistered, from, who, peer);
    return turn_away(from, who, header.id, Errc::unauthenticated);
  }
  if (header.kind == EnvelopeKind::ping) return say(from, who, EnvelopeKind::pong);
  if (header.kind == EnvelopeKind::pong) return;
  if (header.kind == EnvelopeKind::bye) return lose(*peer, PeerEvent::Kind::left);
  on_peer(*peer, header, std::move(bytes));
}

// Who may send what: the table "Roles" of README.md.
void Broker::on_peer(Peer& peer, const EnvelopeHeader& header, std::string bytes) {
  const bool serves = peer.worker.has_value();
  const bool asks = peer.role != Role::worker;
  switch (header.kind) {
    case EnvelopeKind::request:
      if (asks) return on_request(peer, header, std::move(bytes));
      break;
    case EnvelopeKind::reply:
      if (serves) return dispatcher_.answer(peer, header, std::move(bytes));
      break;
    case EnvelopeKind::deliver:
      if (peer.role == Role::worker) return on_deliver(peer, header, std::move(bytes));
      break;
    case EnvelopeKind::drain:
      if (serves) return on_drain(peer);
      break;
    case EnvelopeKind::credit:
      if (deliveries_.on_credit(peer, header.id.number, header.target)) return;
      break;
    case EnvelopeKind::trace_answer:
      return on_trace_answer(peer, header, bytes);
    default: break;
  }
  misplaced(peer);
}

void Broker::misplaced(const Peer& peer) {
  ++output_.counters.misplaced;
  output_.tell(PeerEvent::Kind::forbidden, peer);
}

// Operators ask without being registered.
void Broker::on_question(const PeerKey& from, const Envelope& envelope, const Principal& who,
                         const Peer* peer) {
  if (!who.roles.has(Role::admin)) {
    ++output_.counters.misplaced;
    tell(PeerEvent::Kind::forbidden, from, who, peer);
    return turn_away(from, who, envelope.header.id, Errc::refused);
  }
  if (!meter_.may_ask(Role::admin, RoleMeter::account_of(who, {}), now_)) {
    ++output_.counters.rate_limited;
    tell(PeerEvent::Kind::rate_limited, from, who, peer);
    return turn_away(from, who, envelope.header.id, Errc::rate_limited);
  }
  if (envelope.header.kind == EnvelopeKind::status) return on_status(from);
  on_admin(from, envelope);
}

bool Broker::is_within_rate(const Peer& peer) {
  if (meter_.may_ask(peer.role, peer.account, now_)) return true;
  ++output_.counters.rate_limited;
  output_.tell(PeerEvent::Kind::rate_limited, peer);
  return false;
}

void Broker::on_request(Peer& asker, const EnvelopeHeader& header, std::string bytes) {
  if (header.id.gateway != asker.instance || header.id.boot != asker.boot) return misplaced(asker);
  ++asker.requests;
  // First of all: whatever is wrong with the repetition, the request has its answer coming.
  if (dispatcher_.holds(header.id)) {
    ++output_.counters.duplicates;
    return;
  }
  if (draining_) return turn_away(asker.key, asker.principal, header.id, Errc::going_away);
  if (asker.role == Role::business) return on_business_request(asker, header, bytes);
  if (!takes_from_gateways(header.verb)) {
    misplaced(asker);
    return dispatcher_.refuse(header, Errc::unsupported);
  }
  // Its clients have not asked too often, all of them together do.
  if (!is_within_rate(asker)) return dispatcher_.refuse(header, Errc::retry_later);
  const Duration ttl = std::min<Duration>(std::chrono::milliseconds(header.ttl_ms), ttl_max);
  dispatcher_.accept(header, std::move(bytes), ttl - backlog_age_);
}

// A business system has no user: what it says of one is erased. It says itself what belongs
// together (key).
void Broker::on_business_request(Peer& asker, const EnvelopeHeader& said, std::string_view bytes) {
  const EnvelopeHeader header{.kind = EnvelopeKind::request,
                              .verb = said.verb,
                              .key = said.key,
                              .id = said.id,
                              .target = said.target,
                              .trace = said.trace != 0 ? said.trace : trace_of(said.id)};
  const auto verb = verb_info(header.verb);
  if (!verb || verb->caller != Caller::business) {
    misplaced(asker);
    return dispatcher_.refuse(header, Errc::unsupported);
  }
  if (!is_within_rate(asker)) return dispatcher_.refuse(header, Errc::rate_limited);
  const std::string_view body = bytes.substr(limits::envelope_header_bytes);
  if (body.size() > verb->body_max) return dispatcher_.refuse(header, Errc::too_large);
  const Duration ttl = std::min<Duration>(std::chrono::milliseconds(said.ttl_ms), ttl_max);
  dispatcher_.accept(header, encode(header, body), ttl - backlog_age_);
}

void Broker::on_drain(Peer& peer) {
  if (peer.worker->draining) return;
  dispatcher_.drain_worker(peer);
  output_.tell(PeerEvent::Kind::draining, peer);
}

void Broker::on_deliver(Peer& worker, const EnvelopeHeader& header, std::string bytes) {
  if (!is_within_rate(worker)) {
    return deliveries_.drop(bytes);
  }
  if (!header.id.gateway) {
    peers_.for_each([&](Peer& peer) {
      if (peer.role == Role::gateway && peer.deliveries.wants_any())
        deliveries_.deliver(peer, bytes);
    });
    return;
  }
  Peer* receiver = peers_.named(Side::gateways, header.id.gateway);
  if (receiver != nullptr && receiver->deliveries.wants_any())
    return deliveries_.deliver(*receiver, std::move(bytes));
  ++output_.counters.unreachable;
  const EnvelopeHeader answer{
      .kind = EnvelopeKind::unreachable, .key = header.key, .id = {.gateway = header.id.gateway}};
  output_.send(worker.key,
               encode(answer, std::string_view(bytes).substr(limits::envelope_header_bytes)));
}

// -- who is here

void Broker::tell(PeerEvent::Kind kind, const PeerKey& from, const Principal& who,
                  const Peer* peer) {
  if (peer != nullptr && peer->principal.key == who.key) return output_.tell(kind, *peer);
  output_.events.emplace_back(
      PeerEvent{.kind = kind, .role = presumed_role(from, who), .name = "?", .key = who.key});
}

void Broker::on_register(const PeerKey& from, const Principal& who, const Envelope& envelope) {
  auto candidate = read_registration(from, who, envelope, options_);
  Peer* same = peers_.find(from);
  if (same != nullptr && candidate && same->boot == candidate->boot &&
      same->name == candidate->name) {
    same->heard_at = now_;
    return welcome(*same);  // our answer to its first REGISTER was slow or lost
  }
  const std::uint64_t account = RoleMeter::account_of(who, candidate ? candidate->name : "?");
  Status verdict;
  if (!meter_.may_register(account, now_)) {
    ++output_.counters.rate_limited;
    verdict = fail(Errc::rate_limited);
  } else if (!candidate) {
    verdict = fail(candidate.error().code);
  } else {
    candidate->account = account;
    verdict = make_way_for(from, *candidate);
  }
  if (!verdict) {
    ++output_.counters.registrations_refused;
    output_.events.emplace_back(
        PeerEvent{.kind = PeerEvent::Kind::refused,
                  .role = candidate ? candidate->role : presumed_role(from, who),
                  .name = candidate ? candidate->name : "?",
                  .key = who.key,
                  .reason = verdict.error().code});
    return turn_away(from, who, envelope.header.id, verdict.error().code);
  }
  candidate->heard_at = candidate->pinged_at = now_;
  candidate->registration = ++output_.counters.registrations;
  Peer& peer = peers_.add(*std::move(candidate));
  output_.tell(PeerEvent::Kind::registered, peer);
  welcome(peer);
  if (peer.worker) dispatcher_.add_worker(peer);
}

// conflict: its name is taken. The newcomer may be the next life of a dead peer, or the same life
// on a new connection: then the ping finds nobody, and its next attempt succeeds. Or its namesake
// lives, and replacing it would let the two drive each other out for ever, each time at the expense
// of what they were doing.
Status Broker::make_way_for(const PeerKey& from, const Peer& candidate) {
  if (draining_ && from.side == Side::gateways) return fail(Errc::going_away);
  if (candidate.role == Role::business && !output_.unread.may_register(candidate.account))
    return fail(Errc::retry_later);
  Peer* namesake = peers_.named(from.side, candidate.instance);
  if (namesake != nullptr && namesake->name != candidate.name) return fail(Errc::conflict);
  if (namesake != nullptr && namesake->key != from) {
    probe(*namesake);
    return fail(Errc::conflict);
  }
  if (Peer* former = peers_.find(from)) lose(*former, PeerEvent::Kind::replaced);
  if (peers_.size() >= options_.peers_max) return fail(Errc::retry_later);
  if (candidate.worker && !dispatcher_.has_room_for(*candidate.worker))
    return fail(Errc::retry_later);
  return {};
}

void Broker::welcome(const Peer& peer) {
  wire::Registered body;
  body.set_broker(options_.name);
  body.set_broker_boot(options_.boot.value);
  body.set_registration(peer.registration);
  body.set_ping_every_ms(static_cast<std::uint32_t>(to_ms(options_.ping_every)));
  body.set_dead_after_ms(static_cast<std::uint32_t>(to_ms(options_.dead_after)));
  const EnvelopeHeader header{.kind = EnvelopeKind::registered,
                              .id = {.gateway = peer.instance, .boot = peer.boot}};
  output_.answer(peer.key, peer.principal, encode(header, body.SerializeAsString()));
}

void Broker::turn_away(const PeerKey& to, const Principal& who, const RequestId& about,
                       Errc reason) {
  const EnvelopeHeader header{.kind = EnvelopeKind::not_registered,
                              .error = static_cast<std::uint16_t>(reason),
                              .id = about,
                              .retry_after_ms = options_.retry_hint_ms};
  output_.answer(to, who, encode(header, {}));
}

void Broker::say(const PeerKey& to, const Principal& who, EnvelopeKind kind) {
  output_.answer(to, who, encode(EnvelopeHeader{.kind = kind}, {}));
}

void Broker::lose(Peer& peer, PeerEvent::Kind why) {
  const bool left = why == PeerEvent::Kind::left;
  output_.counters.peers_lost += left ? 0 : 1;
  output_.tell(why, peer);
  if (peer.worker)
    dispatcher_.remove_worker(peer,
                              left ? Dispatcher::Departure::goodbye : Dispatcher::Departure::death);
  const Peer gone = peers_.remove(peer);
  if (gone.role != Role::worker) dispatcher_.remove_asker(gone);
}

// -- who lives

bool Broker::on_send_failed(const PeerKey& key) {
  Peer* peer = peers_.find(key);
  if (peer != nullptr && peer->worker) peer->worker->is_gone = true;
  return peer != nullptr;
}

void Broker::on_unreachable(const PeerKey& key, Instant now,
                            std::span<const std::string> undelivered) {
  output_.unread.forget(key);
  on_stuck(key, now, undelivered);
}

void Broker::on_stuck(const PeerKey& key, Instant now, std::span<const std::string> undelivered) {
  advance(now);
  Peer* peer = peers_.find(key);
  if (peer == nullptr) return;
  if (peer->worker) {
    for (const std::string& bytes : undelivered) {
      const auto envelope = decode_envelope(bytes);
      if (envelope && envelope->header.kind == EnvelopeKind::request)
        dispatcher_.not_delivered(*peer, envelope->header.id);
    }
  }
  lose(*peer, PeerEvent::Kind::unreachable);
}

void Broker::on_disconnect_hint(Instant now) {
  advance(now);
  peers_.for_each([this](Peer& peer) { probe(peer); });
}

void Broker::probe(Peer& peer) {
  peer.pinged_at = now_;
  output_.send(peer.key, encode(EnvelopeHeader{.kind = EnvelopeKind::ping}, {}));
}

void Broker::on_tick(Instant now) {
  advance(now);
  backlog_age_ = Duration::zero();
  const Duration elapsed = now - std::exchange(ticked_, now);
  const bool stood_still = elapsed >= options_.ping_every;
  if (stood_still) {
    // Nobody could be heard meanwhile, which says nothing about them.
    ++output_.counters.stalls;
    peers_.for_each([now](Peer& peer) { peer.heard_at = now; });
  }
  judge_silence(now);
  if (in_grace_ && now - started_ >= options_.startup_grace) {
    in_grace_ = false;
    dispatcher_.end_grace();
  }
  dispatcher_.on_tick(elapsed);
  peers_.for_each([this](Peer& peer) {
    if (peer.role == Role::business) deliveries_.go_on(peer);
  });
  for (const auto& [to, number] : output_.unread.pings(now))
    output_.send(
        to, encode(EnvelopeHeader{.kind = EnvelopeKind::ping, .id = {.number = number}}, {}));
}

void Broker::judge_silence(Instant now) {
  std::vector<Peer*> dead;
  peers_.for_each([&](Peer& peer) {
    const Duration silence = now - peer.heard_at;
    if (silence >= options_.dead_after)
      dead.push_back(&peer);
    else if (silence >= options_.ping_every && now - peer.pinged_at >= options_.ping_every)
      probe(peer);
  });
  // Perhaps it is only we who do not hear it: then it need not find that out by our silence.
  for (Peer* peer : dead) {
    turn_away(*peer, Errc::unauthenticated);
    lose(*peer, PeerEvent::Kind::silent);
  }
}

void Broker::on_keys_changed(const std::function<bool(const Principal&)>& is_valid, Instant now) {
  advance(now);
  std::vector<Peer*> revoked;
  peers_.for_each([&](Peer& peer) {
    if (!is_valid(peer.principal)) revoked.push_back(&peer);
  });
  for (Peer* peer : revoked) {
    turn_away(*peer, Errc::refused);
    lose(*peer, PeerEvent::Kind::revoked);
  }
}

void Broker::drain(Instant now) {
  advance(now);
  if (std::exchange(draining_, true)) return;
  peers_.for_each([this](Peer& peer) {
    if (peer.role != Role::worker) turn_away(peer, Errc::going_away);
  });
}

}  // namespace parley
