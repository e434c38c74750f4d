#include "tests/fuzz/broker_model.h"

#include <algorithm>

#include "base/assert.h"
#include "proto/bus.pb.h"
#include "proto/limits.h"
#include "proto/verbs.h"

namespace parley::fuzz {
namespace {

// What a broker changes on the way.
std::string without_hop_fields(std::string bytes) {
  set_attempt(bytes, 0);
  set_ttl_ms(bytes, 0);
  return bytes;
}

Role role_of(wire::PeerRole role) {
  switch (role) {
    case wire::PEER_ROLE_WORKER: return Role::worker;
    case wire::PEER_ROLE_BUSINESS: return Role::business;
    case wire::PEER_ROLE_GATEWAY: return Role::gateway;
    default: assertion_failed("a role that exists", __FILE__, __LINE__);
  }
}

std::string body_of(const std::string& bytes) {
  return bytes.substr(limits::envelope_header_bytes);
}

}  // namespace

// -- inputs

void BrokerModel::give(const PeerKey& from, const Principal& who, const std::string& bytes,
                       Instant now) {
  note(from, who, bytes, now);
  broker_.on_message(from, who, bytes, now);
  check(now);
}

void BrokerModel::unreachable(const PeerKey& peer, Instant now) {
  given_.reset();
  broker_.on_unreachable(peer, now);
  check(now);
  PARLEY_ASSERT(!is_registered(peer));
}

void BrokerModel::hint(Instant now) {
  given_.reset();
  broker_.on_disconnect_hint(now);
  check(now);
}

void BrokerModel::tick(Instant now) {
  given_.reset();
  broker_.on_tick(now);
  check(now);
}

void BrokerModel::drain(Instant now) {
  given_.reset();
  is_draining_ = true;
  broker_.drain(now);
  check(now);
}

void BrokerModel::note(const PeerKey& from, const Principal& who, const std::string& bytes,
                       Instant now) {
  given_ = Given{.from = from, .who = who, .bytes = bytes, .was_registered = is_registered(from)};
  malformed_ = broker_.counters().malformed;
  if (who.roles == Roles{Role::business}) business_addresses_.insert(from);
  const auto envelope = decode_envelope(bytes);
  if (!envelope) return;
  given_->header = envelope->header;
  if (envelope->header.kind == EnvelopeKind::admin && who.roles.has(Role::admin)) note_admin();
  if (!is_registered(from, who)) return;
  Life& life = lives_.at(from);
  switch (envelope->header.kind) {
    case EnvelopeKind::request: return note_request(life, envelope->header, now);
    case EnvelopeKind::reply: return note_reply(life, envelope->header);
    case EnvelopeKind::credit: return note_credit(life, envelope->header);
    case EnvelopeKind::deliver:
      if (life.role == Role::worker) note_delivery(envelope->header);
      return;
    default: return;
  }
}

void BrokerModel::note_request(const Life& life, const EnvelopeHeader& header, Instant now) {
  const bool is_its_own = header.id.gateway == life.instance && header.id.boot == life.boot;
  if (!is_its_own || is_draining_ || life.role == Role::worker) return;
  const EnvelopeHeader anonymous{.kind = EnvelopeKind::request,
                                 .verb = header.verb,
                                 .key = header.key,
                                 .id = header.id,
                                 .target = header.target,
                                 .trace = header.trace != 0 ? header.trace : trace_of(header.id)};
  std::string expected =
      life.role == Role::business ? encode(anonymous, body_of(given_->bytes)) : given_->bytes;
  open_.try_emplace(header.id, Open{.bytes = std::move(expected),
                                    .order = ++orders_,
                                    .expires = now + std::chrono::milliseconds(header.ttl_ms)});
}

void BrokerModel::note_reply(Life& life, const EnvelopeHeader& header) {
  const auto held =
      std::ranges::find(life.held, header.id, [](const auto& entry) { return entry.first; });
  if (held == life.held.end()) return;
  life.held.erase(held);
  const auto open = open_.find(header.id);
  given_->answers_open = open != open_.end() && open->second.worker == life.serial;
}

void BrokerModel::note_delivery(const EnvelopeHeader& header) {
  for (auto& [key, life] : lives_) {
    const bool is_meant =
        header.id.gateway ? life.instance == header.id.gateway : life.role == Role::gateway;
    if (life.role != Role::worker && is_meant && life.window_messages > 0)
      life.due.push_back(given_->bytes);
  }
}

void BrokerModel::note_credit(Life& life, const EnvelopeHeader& header) {
  if (header.id.number > life.sent || header.target > life.sent_bytes) return;
  if (header.id.number < life.dealt || header.target < life.dealt_bytes) return;
  life.dealt = header.id.number;
  life.dealt_bytes = header.target;
}

// Poison that is tried again is a request of nobody in particular; its asker may have its answer.
void BrokerModel::note_admin() {
  wire::AdminRequest request;
  if (!request.ParseFromString(body_of(given_->bytes)) || !request.has_poison_retry()) return;
  for (const auto& [ticket, id] : parked_)
    if (const auto [open, is_new] = open_.try_emplace(id); is_new) open->second.is_certain = false;
}

// -- what it did

void BrokerModel::check(Instant now) {
  const auto actions = broker_.take_actions();
  const auto events = broker_.take_events();
  // A life that ends in this step may have been sent something before; one that begins may be,
  // after.
  given_up_.clear();
  for (const BrokerEvent& event : events) {
    const auto* peer = std::get_if<PeerEvent>(&event);
    if (const auto* parked = std::get_if<ParkedEvent>(&event)) parked_[parked->ticket] = parked->id;
    if (peer == nullptr) continue;
    note_deaths(*peer, now);
    const bool made_way =
        peer->kind == PeerEvent::Kind::replaced || peer->kind == PeerEvent::Kind::impostor;
    if (made_way) end(peer->role, peer->name);
    if (peer->kind == PeerEvent::Kind::registered) check_registered(*peer);
    if (peer->kind == PeerEvent::Kind::silent) given_up_.emplace(peer->role, peer->name);
  }
  for (const BrokerAction& action : actions) check_action(action, now);
  for (const BrokerEvent& event : events) {
    const auto* peer = std::get_if<PeerEvent>(&event);
    if (peer == nullptr) continue;
    const bool ended = peer->kind == PeerEvent::Kind::left ||
                       peer->kind == PeerEvent::Kind::silent ||
                       peer->kind == PeerEvent::Kind::unreachable;
    if (ended) end(peer->role, peer->name);
  }
  if (given_ && !given_->header) {
    PARLEY_ASSERT(actions.empty() && events.size() == 1);
    const auto& told = std::get<PeerEvent>(events.front());
    PARLEY_ASSERT(told.kind == PeerEvent::Kind::malformed && told.key == given_->who.key);
    PARLEY_ASSERT(broker_.counters().malformed == malformed_ + 1);
  }
  check_bounds();
}

void BrokerModel::check_registered(const PeerEvent& event) {
  PARLEY_ASSERT(given_ && given_->header && given_->header->kind == EnvelopeKind::register_peer);
  wire::RegisterPeer wish;
  PARLEY_ASSERT(wish.ParseFromString(body_of(given_->bytes)));
  const Role role = role_of(wish.role());
  PARLEY_ASSERT(wish.name() == event.name && role == event.role);
  PARLEY_ASSERT((role == Role::worker) == (given_->from.side == Side::workers));
  PARLEY_ASSERT(given_->who.roles.has(role) && given_->who.may_be_called(wish.name()));
  PARLEY_ASSERT(!is_registered(given_->from));
  for (const auto& [key, life] : lives_)
    PARLEY_ASSERT(key.side != given_->from.side || life.name != event.name);
  Life life{.serial = ++serials_,
            .name = wish.name(),
            .key = given_->who.key,
            .role = role,
            .instance = instance_id(wish.name()),
            .boot = given_->header->id.boot,
            .services = {wish.services().begin(), wish.services().end()},
            .credit_messages = wish.credit_messages(),
            .credit_bytes = wish.credit_bytes()};
  PARLEY_ASSERT(life.instance == given_->header->id.gateway);
  for (const std::string& app : wish.apps()) life.services.insert(instance_id(app).value);
  if (role == Role::business) business_addresses_.insert(given_->from);
  // A gateway serves nothing, whatever it says.
  if (role == Role::gateway) life.services.clear();
  if (role != Role::worker && wish.delivery_bytes() > 0) {
    life.window_messages = wish.delivery_messages();
    life.window_bytes = wish.delivery_bytes();
  }
  life.serves = life.services.empty() ? Serves::no : Serves::yes;
  life.answers_traces = role != Role::business || wish.answers_traces();
  lives_.emplace(given_->from, std::move(life));
}

void BrokerModel::note_deaths(const PeerEvent& event, Instant now) {
  using Kind = PeerEvent::Kind;
  const bool is_death = event.kind == Kind::replaced || event.kind == Kind::impostor ||
                        event.kind == Kind::silent || event.kind == Kind::unreachable;
  if (!is_death) return;
  const auto life = life_of(event.role, event.name);
  PARLEY_ASSERT(life != lives_.end());
  for (auto& [id, open] : open_) {
    if (open.worker != life->second.serial) continue;
    ++open.deaths;
    open.died = now;
  }
}

BrokerModel::Lives::iterator BrokerModel::life_of(Role role, const std::string& name) {
  return std::ranges::find_if(lives_, [&](const auto& entry) {
    return entry.second.role == role && entry.second.name == name;
  });
}

void BrokerModel::end(Role role, const std::string& name) {
  const auto life = life_of(role, name);
  PARLEY_ASSERT(life != lives_.end());
  for (auto& [id, open] : open_)
    if (id.gateway == life->second.instance && id.boot == life->second.boot)
      open.is_certain = false;
  lives_.erase(life);
}

void BrokerModel::check_action(const BrokerAction& action, Instant now) {
  const auto envelope = decode_envelope(action.bytes);
  PARLEY_ASSERT(envelope);
  const bool to_giver = given_ && action.to == given_->from;
  const bool is_operator = given_ && given_->who.roles.has(Role::admin) && given_->header &&
                           given_->header->kind == EnvelopeKind::admin;
  const bool is_stranger =
      given_ && !is_operator && !given_->was_registered && !is_registered(given_->from);
  // Whoever claims a name that is taken has its bearer pinged.
  PARLEY_ASSERT(to_giver || !is_stranger || envelope->header.kind == EnvelopeKind::ping);
  switch (envelope->header.kind) {
    case EnvelopeKind::request: return check_request(action.to, action.bytes, now);
    case EnvelopeKind::reply: return check_reply(action.to, action.bytes);
    case EnvelopeKind::registered: PARLEY_ASSERT(is_registered(action.to)); break;
    case EnvelopeKind::ping:
      // With a number: whether a business system has read what it was sent, registered or not.
      PARLEY_ASSERT(is_registered(action.to) ||
                    (envelope->header.id.number != 0 && business_addresses_.contains(action.to)));
      break;
    case EnvelopeKind::not_registered:
      PARLEY_ASSERT(to_giver || is_draining_ || is_given_up(action.to));
      break;
    case EnvelopeKind::pong:
    case EnvelopeKind::unreachable: PARLEY_ASSERT(to_giver); break;
    case EnvelopeKind::status_reply:
      PARLEY_ASSERT(to_giver && given_->who.roles.has(Role::admin));
      return check_status(action.bytes);
    case EnvelopeKind::admin_reply:
      if (given_->header->kind == EnvelopeKind::trace_answer)
        return check_trace_answer(action.bytes);
      PARLEY_ASSERT(to_giver);
      break;
    case EnvelopeKind::trace_query: check_trace_query(action.to, envelope->header); [[fallthrough]];
    case EnvelopeKind::drain:
      PARLEY_ASSERT(is_registered(action.to) && given_->header->kind == EnvelopeKind::admin);
      PARLEY_ASSERT(given_->who.roles.has(Role::admin));
      break;
    case EnvelopeKind::deliver: return check_delivery(action.to, action.bytes);
    default: assertion_failed("a kind that brokers send", __FILE__, __LINE__);
  }
}

void BrokerModel::check_trace_query(const PeerKey& to, const EnvelopeHeader& header) {
  PARLEY_ASSERT(is_registered(to) && lives_.at(to).answers_traces);
  PARLEY_ASSERT(lives_.at(to).traces_asked.insert(header.id.number).second);
}

// Once from each that was asked, under its own name, of its own doings.
void BrokerModel::check_trace_answer(const std::string& bytes) {
  Life& teller = lives_.at(given_->from);
  PARLEY_ASSERT(teller.traces_asked.erase(given_->header->id.number) == 1);
  wire::AdminReply reply;
  PARLEY_ASSERT(reply.ParseFromString(body_of(bytes)));
  PARLEY_ASSERT(reply.trace().process() == teller.name);
  const std::string_view own = teller.role == Role::gateway  ? "gateway_"
                               : teller.role == Role::worker ? "worker_"
                                                             : "business_";
  for (const auto& event : reply.trace().events())
    PARLEY_ASSERT(event.user() == 7 && event.point().starts_with(own));
}

bool BrokerModel::is_given_up(const PeerKey& peer) const {
  const auto life = lives_.find(peer);
  return life != lives_.end() && given_up_.contains({life->second.role, life->second.name});
}

void BrokerModel::check_request(const PeerKey& to, const std::string& bytes, Instant now) {
  const EnvelopeHeader header = decode_envelope(bytes)->header;
  PARLEY_ASSERT(is_registered(to));
  Life& worker = lives_.at(to);
  const bool is_app = service_of(header.verb) == static_cast<std::uint8_t>(ServiceId::app);
  PARLEY_ASSERT(worker.services.contains(is_app ? header.target : service_of(header.verb)));
  PARLEY_ASSERT(header.attempt >= 1 && header.attempt <= limits::attempts_max);
  worker.held.emplace_back(header.id, bytes.size());
  std::size_t held_bytes = 0;
  for (const auto& [id, size] : worker.held) held_bytes += size;
  PARLEY_ASSERT(worker.held.size() <= worker.credit_messages);
  PARLEY_ASSERT(held_bytes <= worker.credit_bytes || worker.held.size() == 1);

  const auto found = open_.find(header.id);
  PARLEY_ASSERT(found != open_.end());
  Open& open = found->second;
  const bool is_last = header.attempt == limits::attempts_max;
  PARLEY_ASSERT(!is_last || open.deaths + 1 != limits::attempts_max ||
                now - open.died >= options_.dead_after);
  open.worker = worker.serial;
  open.attempt = header.attempt;
  open.sent = ++sends_;
  if (!open.is_certain) return;
  PARLEY_ASSERT(without_hop_fields(bytes) == without_hop_fields(open.bytes));
  PARLEY_ASSERT(now + std::chrono::milliseconds(header.ttl_ms) <= open.expires);
  check_order(worker, open, header);
}

void BrokerModel::check_order(const Life& worker, const Open& open,
                              const EnvelopeHeader& header) const {
  std::size_t last_attempts = 0;
  for (const auto& [id, other] : open_) {
    if (!other.is_certain) continue;
    const bool is_here = other.worker == worker.serial;
    last_attempts += is_here && other.attempt == limits::attempts_max ? 1 : 0;
    const EnvelopeHeader theirs = decode_envelope(other.bytes)->header;
    const bool is_app = service_of(header.verb) == static_cast<std::uint8_t>(ServiceId::app);
    const bool is_older = theirs.key == header.key &&
                          service_of(theirs.verb) == service_of(header.verb) &&
                          (!is_app || theirs.target == header.target) && other.order < open.order;
    if (!is_older) continue;
    PARLEY_ASSERT(is_here);
    PARLEY_ASSERT(other.sent < open.sent);
  }
  PARLEY_ASSERT(last_attempts <= 1);
}

void BrokerModel::check_reply(const PeerKey& to, const std::string& bytes) {
  const EnvelopeHeader header = decode_envelope(bytes)->header;
  PARLEY_ASSERT(is_registered(to));
  const Life& asker = lives_.at(to);
  PARLEY_ASSERT(header.id.gateway == asker.instance && header.id.boot == asker.boot);
  const auto open = open_.find(header.id);
  PARLEY_ASSERT(open != open_.end());
  const bool is_forwarded = given_ && given_->header &&
                            given_->header->kind == EnvelopeKind::reply &&
                            given_->header->id == header.id && given_->answers_open;
  if (is_forwarded) {
    check_forwarded(bytes);
  } else {
    PARLEY_ASSERT(header.error != 0 && bytes.size() == limits::envelope_header_bytes);
    const bool is_poison = static_cast<Errc>(header.error) == Errc::internal;
    PARLEY_ASSERT(!is_poison || open->second.attempt == limits::attempts_max ||
                  !open->second.is_certain);
  }
  open_.erase(open);
}

void BrokerModel::check_status(const std::string& bytes) const {
  wire::BrokerStatus status;
  PARLEY_ASSERT(status.ParseFromString(body_of(bytes)));
  PARLEY_ASSERT(static_cast<std::size_t>(status.peers_size()) == lives_.size());
  for (const auto& entry : lives_) {
    const Life& life = entry.second;
    const bool is_worker = life.role == Role::worker;
    const auto line = std::ranges::find_if(status.peers(), [&](const auto& peer) {
      return peer.name() == life.name && (peer.role() == wire::PEER_ROLE_WORKER) == is_worker;
    });
    PARLEY_ASSERT(line != status.peers().end());
    PARLEY_ASSERT(line->outstanding_messages() == life.held.size());
    PARLEY_ASSERT(line->deliveries() == life.sent);
    PARLEY_ASSERT(line->undelivered_messages() == life.sent - life.dealt);
  }
}

// What a business system answers is made anew: no session may be bound or ended by it.
void BrokerModel::check_forwarded(const std::string& bytes) const {
  const auto life = lives_.find(given_->from);
  const bool is_business = life != lives_.end() && life->second.role == Role::business;
  if (!is_business) {
    PARLEY_ASSERT(bytes == given_->bytes);
    return;
  }
  const EnvelopeHeader header = decode_envelope(bytes)->header;
  PARLEY_ASSERT(header.flags == 0 && !header.user && !header.device && !header.generation);
  PARLEY_ASSERT(header.error != 0 ? body_of(bytes).empty()
                                  : body_of(bytes) == body_of(given_->bytes));
}

void BrokerModel::check_delivery(const PeerKey& to, const std::string& bytes) {
  PARLEY_ASSERT(is_registered(to));
  Life& life = lives_.at(to);
  // Some may have been dropped.
  while (!life.due.empty() && life.due.front() != bytes) life.due.pop_front();
  PARLEY_ASSERT(!life.due.empty());
  life.due.pop_front();
  ++life.sent;
  life.sent_bytes += bytes.size();
  const std::uint64_t outstanding = life.sent - life.dealt;
  PARLEY_ASSERT(outstanding <= life.window_messages);
  PARLEY_ASSERT(life.sent_bytes - life.dealt_bytes <= life.window_bytes || outstanding == 1);
}

void BrokerModel::check_bounds() const {
  PARLEY_ASSERT(broker_.peers() == lives_.size());
  PARLEY_ASSERT(broker_.peers() <= options_.peers_max);
  PARLEY_ASSERT(broker_.held() <= options_.held_messages_max);
  PARLEY_ASSERT(broker_.held_bytes() <= options_.held_bytes_max);
  PARLEY_ASSERT(broker_.waiting() <= broker_.held());
  PARLEY_ASSERT(broker_.parked().size() <= options_.parked_max);
}

void BrokerModel::expect_all_settled() const {
  PARLEY_ASSERT(broker_.held() == 0);
  PARLEY_ASSERT(broker_.held_bytes() == 0);
  PARLEY_ASSERT(broker_.waiting() == 0);
  for (const auto& [id, open] : open_) PARLEY_ASSERT(!open.is_certain);
}

bool BrokerModel::is_registered(const PeerKey& key, const Principal& who) const {
  const auto life = lives_.find(key);
  return life != lives_.end() && life->second.key == who.key;
}

std::pair<std::uint64_t, std::uint64_t> BrokerModel::delivered_to(const PeerKey& key) const {
  const auto life = lives_.find(key);
  if (life == lives_.end()) return {};
  return {life->second.sent, life->second.sent_bytes};
}

std::optional<RequestId> BrokerModel::held_by(const PeerKey& worker) const {
  const auto life = lives_.find(worker);
  if (life == lives_.end() || life->second.held.empty()) return std::nullopt;
  return life->second.held.back().first;
}

std::vector<PeerKey> BrokerModel::those_who(Serves serves) const {
  std::vector<PeerKey> keys;
  for (const auto& [key, life] : lives_)
    if (life.serves == serves) keys.push_back(key);
  return keys;
}

}  // namespace parley::fuzz
