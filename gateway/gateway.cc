#include "gateway/gateway.h"

#include <sys/resource.h>

#include <algorithm>

#include "base/failpoint.h"
#include "base/log.h"
#include "base/random.h"
#include "proto/c2c.pb.h"
#include "proto/limits.h"
#include "proto/route.pb.h"
#include "proto/trace_text.h"

namespace parley {
namespace {

constexpr Duration wheel_tick = 250ms;
constexpr std::size_t newcomers_looked_at_max = 64;  // for one that has to make way
constexpr std::size_t wheel_buckets = 512;       // 128 s: longer than any usual deadline
constexpr std::uint64_t files_reserved = 128;    // brokers, metrics, logs, what waits to be refused
constexpr Duration last_report_wait = 2s;

Duration ms(std::uint64_t count) { return std::chrono::milliseconds(count); }

SessionRules rules_of(const GatewaySettings& s, std::vector<ServerKey> keys) {
  SessionRules rules;
  rules.keys = std::move(keys);
  rules.new_ephemeral = [] {
    SecretKey secret;
    secure_random(secret);
    return secret;
  };
  rules.trace_seed = secure_random_id();
  rules.first_byte = ms(s.first_byte_ms);
  rules.handshake = ms(s.handshake_ms);
  rules.login = ms(s.login_ms);
  rules.idle = ms(s.idle_ms);
  rules.in_flight_max = s.in_flight_max;
  rules.frames.rate = s.frames;
  rules.frames.strikes_max = s.strikes_max;
  return rules;
}

QueueLimits queue_of(const GatewaySettings& s) {
  QueueLimits limits = s.queue;
  limits.write = ms(s.write_ms);
  return limits;
}

// Refusing while there are descriptors left is quicker, and says why in the metrics.
AdmissionLimits within_file_limit(AdmissionLimits limits) {
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  const auto usable = files.rlim_cur > 2 * files_reserved ? files.rlim_cur - files_reserved
                                                          : files.rlim_cur / 2;
  limits.connections_max = std::min<std::uint64_t>(limits.connections_max, usable);
  return limits;
}

}  // namespace

Gateway::Gateway(Loop& loop, const GatewaySettings& settings, std::vector<ServerKey> keys,
                 RequestBus& bus, Metrics& metrics)
    : loop_(loop),
      settings_(settings),
      instance_(instance_id(settings.name)),
      bus_(bus),
      metrics_(metrics, counts_),
      rules_(rules_of(settings, std::move(keys))),
      world_{loop, *this, rules_, counts_, queue_of(settings)},
      random_(secure_random_id()),
      admission_(within_file_limit(settings.admission)),
      user_rates_(settings.messages, settings.finds),
      routes_(table_, settings.reports, Random(secure_random_id()), loop.now()),
      wheel_(loop.now(), wheel_tick, wheel_buckets),
      tick_(loop, [this] { tick(); }),
      report_timer_(loop, [this] { report_routes(); }),
      flush_soon_(loop, [this] { flush_dirty(); }),
      broadcast_timer_(loop, [this] { broadcast_piece(); }),
      before_block_(loop, [this] { before_block(); }) {
  tick_.every(wheel_tick);
}

Gateway::~Gateway() {
  connections_.for_each([](Connection& connection) { connection.abort(); });
}

Status Gateway::listen() {
  for (const std::string& address : settings_.listen) {
    const auto sharing = settings_.reuse_port ? Listener::Options::Sharing::reuse_port
                                              : Listener::Options::Sharing::exclusive;
    PARLEY_TRY(auto listener,
               Listener::open(loop_,
                              {address, sharing, settings_.accepts,
                               [this] { return busy_with_handshakes(); }},
                              [this](uv_stream_s* stream) { accept(stream); }));
    log::info("gateway.listening", {{"address", address}, {"port", listener->port()}});
    listeners_.push_back(std::move(listener));
  }
  return {};
}

std::vector<std::uint16_t> Gateway::ports() const {
  std::vector<std::uint16_t> ports;
  for (const auto& listener : listeners_) ports.push_back(listener->port());
  return ports;
}

// -- connections

void Gateway::accept(uv_stream_s* listener) {
  const auto accepted = Connection::accept(listener, world_);
  if (!accepted) return;
  Connection& connection = **accepted;
  if (const auto refused = admit(connection.origin())) {
    ++counts_.refused[static_cast<std::size_t>(*refused)];
    return connection.refuse();
  }
  ++counts_.accepted;
  const ConnectionId id = connections_.add(&connection);
  connection.start(id);
  file(connection);
  newcomers_.push_back(id);
  oldest_silent();
}

// A newcomer is worth more than who has come long ago and asked for nothing: a client has its hello ready.
std::optional<Refusal> Gateway::admit(std::uint64_t origin) {
  const auto refused = admission_.admit(origin, loop_.now());
  if (refused != Refusal::pre_auth || !make_room()) return refused;
  admission_.admit_after_all(origin);
  return std::nullopt;
}

bool Gateway::make_room() {
  while (admission_.pre_auth_full()) {
    Connection* oldest = oldest_silent();
    if (oldest == nullptr) return false;
    ++counts_.displaced;
    oldest->cut();
  }
  return true;
}

// Forgets on the way who is gone or has logged in, so that the queue is as long as deadlines before login make
// it. Who is logging in goes to its end: refused, it is silent again.
Connection* Gateway::oldest_silent() {
  for (std::size_t left = std::min(newcomers_.size(), newcomers_looked_at_max); left > 0; --left) {
    const ConnectionId id = newcomers_.front();
    Connection* connection = connections_.find(id);
    if (connection != nullptr && connection->session().is_silent()) return connection;
    newcomers_.pop_front();
    if (connection == nullptr) continue;
    const Session& session = connection->session();
    if (!session.has_logged_in() && !session.is_closing()) newcomers_.push_back(id);
  }
  return nullptr;
}

// Paid for by who causes it, a hello: connections that say nothing do not keep others waiting.
Duration Gateway::busy_with_handshakes() {
  const Instant now = loop_.now();
  for (; handshakes_charged_ < counts_.handshakes; ++handshakes_charged_)
    handshakes_.charge(settings_.handshakes, now);
  return handshakes_.wait(settings_.handshakes, now);
}

void Gateway::on_action(Connection& connection, Session::Action& action) {
  if (const auto* request = std::get_if<Session::Publish>(&action)) {
    publish(connection, *request);
  } else if (const auto* granted = std::get_if<Session::Bind>(&action)) {
    bind(connection, granted->identity);
  } else if (const auto* close = std::get_if<Session::Close>(&action)) {
    unbind(connection.session().id());
    connection.end(*close);
  }
}

void Gateway::publish(Connection& connection, const Session::Publish& request) {
  Session& session = connection.session();
  const Instant now = loop_.now();
  const auto verb = static_cast<Verb>(request.header.verb);
  const auto refuse = [&](const Error& error) {
    session.refuse(request.request, error, now, connection.out());
    connection.queued();
  };
  const Duration wait = user_rates_.take(verb, request.header.user, now);
  if (wait > Duration::zero())
    return refuse({Errc::rate_limited, {}, static_cast<std::uint32_t>(to_ms(wait) + 1)});
  if (failpoint(Failpoint::gw_before_forward, request.header.verb) == FailAction::fail)
    return refuse({Errc::retry_later, "failpoint", 100});
  const auto published = bus_.publish(request.header, request.body);
  if (!published) return refuse(published.error());
  failpoint(Failpoint::gw_after_forward, request.header.verb);
  pending_[*published] = {session.id(), request.request};
}

void Gateway::bind(Connection& connection, const SessionIdentity& identity) {
  const ConnectionId id = connection.session().id();
  const Instant now = loop_.now();
  admission_.authenticated(connection.origin());
  const auto bound = table_.bind(id, identity, now);
  if (bound.ended) return end_sessions({id}, *bound.ended);
  if (bound.first) routes_.changed(identity.user, now);
  end_sessions(bound.displaced, Errc::replaced);
  if (draining_) leave(connection);
}

void Gateway::unbind(ConnectionId connection) {
  if (const auto gone = table_.unbind(connection)) routes_.changed(*gone, loop_.now());
}

void Gateway::end_sessions(const std::vector<ConnectionId>& connections, Errc reason) {
  for (const ConnectionId id : connections) {
    Connection* connection = connections_.find(id);
    if (connection == nullptr || connection->session().is_closing()) continue;
    auto action = connection->session().close(reason, 0, loop_.now(), connection->out());
    on_action(*connection, action);
  }
}

void Gateway::on_dirty(Connection& connection) {
  // Not only before the next block: this may be called from what runs after that in the same turn.
  if (dirty_.empty()) flush_soon_.once(Duration::zero());
  dirty_.push_back(connection.session().id());
}

void Gateway::on_paused(Connection& connection) { paused_.push_back(connection.session().id()); }

void Gateway::on_deadline_moved(Connection& connection) { file(connection); }

void Gateway::on_held_changed(std::size_t before, std::size_t after) {
  admission_.pre_auth_bytes_changed(before, after);
}

void Gateway::on_closed(Connection& connection) {
  const Session& session = connection.session();
  unbind(session.id());
  connections_.remove(session.id());
  if (session.has_logged_in()) return admission_.closed_after_login(connection.origin());
  admission_.closed_before_login(connection.origin());
}

// -- the bus

void Gateway::on_reply(const EnvelopeHeader& header, std::string_view body) {
  const std::uint64_t number = header.id.number;
  if (report_number_ == number) {
    report_number_.reset();
    return header.error == 0 ? routes_.answered(loop_.now()) : routes_.failed(loop_.now());
  }
  const PendingRequest* known = pending_.find(number);
  if (known == nullptr) {
    ++counts_.bad_from_bus;
    return;
  }
  const PendingRequest request = *known;
  pending_.erase(number);
  if (failpoint(Failpoint::gw_before_reply, header.verb) == FailAction::drop) return;
  Connection* connection = connections_.find(request.connection);
  if (connection == nullptr) return;  // the client did not wait
  auto action = connection->session().on_reply(request.request, header, body, loop_.now(),
                                               connection->out());
  on_action(*connection, action);
  connection->queued();
}

void Gateway::on_bus_connected() { report_everybody(); }

// Somebody did not know how to reach those who are here.
void Gateway::report_everybody() {
  routes_.report_all(loop_.now());
  catch_up_.pushes_may_be_missing();
}

void Gateway::tell_to_catch_up() {
  const auto within =
      catch_up_.take(routes_.everybody_is_reported(), table_.sessions(), loop_.now());
  if (!within) return;
  wire::CatchUpNotice notice;
  notice.set_within_ms(static_cast<std::uint32_t>(*within / 1ms));
  const std::string body = notice.SerializeAsString();
  DeliveryItem item;
  item.notice = static_cast<std::uint16_t>(Notice::c2c_catch_up);
  item.body = body;
  if (!broadcast(item)) catch_up_.pushes_may_be_missing();
}

void Gateway::on_delivery(const EnvelopeHeader& header, std::string_view body) {
  const auto items = decode_deliveries(body);
  if (!items) {
    ++counts_.bad_from_bus;
    return log::warn("gateway.bad_delivery",
                     {{"trace", trace_text(header.trace)}, {"why", items.error().detail}});
  }
  for (const DeliveryItem& item : *items) {
    if (item.notice == notice_causes) continue;  // the bus has noted them
    const auto notice = notice_info(item.notice);
    if (!notice || notice->receiver == Receiver::business ||
        item.body.size() > limits::frame_body_max) {
      ++counts_.bad_from_bus;
    } else if (notice->receiver == Receiver::gateway) {
      on_gateway_notice(item);
    } else if (item.users.empty()) {
      broadcast(item);
    } else {
      fan_out(item, header.id.gateway == instance_);
    }
  }
}

void Gateway::fan_out(const DeliveryItem& item, bool addressed_to_us) {
  for (const UserId user : item.users) {
    const DeviceId skip = user == item.users.front() ? item.skip_device : DeviceId{};
    table_.for_each(user, [&](ConnectionId id, DeviceId device) {
      if (skip && device == skip) return;
      connections_.find(id)->notify(static_cast<Notice>(item.notice), item.target, item.body);
    });
    if (!addressed_to_us || table_.is_present(user)) continue;
    // Somebody believes that he is here.
    ++counts_.deliveries_stale;
    routes_.changed(user, loop_.now());
  }
}

bool Gateway::broadcast(const DeliveryItem& item) {
  if (!broadcasts_.add(static_cast<Notice>(item.notice), item.target, item.body)) {
    ++counts_.broadcasts_dropped;
    log::warn("gateway.broadcast_dropped");
    return false;
  }
  // One piece at a time, however many broadcasts come at once.
  if (!std::exchange(broadcasting_, true)) broadcast_piece();
  return true;
}

void Gateway::broadcast_piece() {
  if (broadcasts_.idle()) {
    broadcasting_ = false;
    return;
  }
  broadcasts_.step(table_, [this](ConnectionId id, Notice notice, std::uint64_t target,
                                  std::string_view body) {
    connections_.find(id)->notify(notice, target, body);
  });
  broadcast_timer_.once(Broadcasts::piece_every);
}

void Gateway::on_gateway_notice(const DeliveryItem& item) {
  const Instant now = loop_.now();
  const std::string body(item.body);
  wire::SessionReplaced replaced;
  wire::SessionRevoked revoked;
  switch (static_cast<Notice>(item.notice)) {
    case Notice::login_replaced:
      if (!replaced.ParseFromString(body)) break;
      return end_sessions(table_.replaced(UserId{replaced.user()},
                                          static_cast<std::uint8_t>(replaced.device_class()),
                                          Generation{replaced.generation()}, now),
                          Errc::replaced);
    case Notice::login_revoked:
      if (!revoked.ParseFromString(body)) break;
      return end_sessions(table_.revoked(UserId{revoked.user()}, DeviceId{revoked.device()},
                                         Generation{revoked.generation()}, now),
                          Errc::revoked);
    case Notice::route_report_wanted:
      return report_everybody();
    default:
      break;
  }
  ++counts_.bad_from_bus;
}

void Gateway::report_routes() {
  report_armed_.reset();
  const Instant now = loop_.now();
  const auto body = routes_.next(now);
  if (!body) return;
  EnvelopeHeader header;
  header.verb = static_cast<std::uint16_t>(Verb::route_report);
  header.key = instance_.value;
  const auto published = bus_.publish(header, *body);
  if (!published) return routes_.failed(now);
  report_number_ = *published;
}

void Gateway::arm_report() {
  const auto due = routes_.due();
  if (due == report_armed_) return;
  report_armed_ = due;
  if (due) report_timer_.once(std::max(*due - loop_.now(), Duration::zero()));
  else report_timer_.stop();
}

// -- time

void Gateway::before_block() {
  flush_dirty();
  for (const ConnectionId id : std::exchange(paused_, {}))
    if (Connection* connection = connections_.find(id)) connection->resume();
  arm_report();
  if (draining_) check_drained();
}

void Gateway::flush_dirty() {
  flush_soon_.stop();
  turn_.clear();
  turn_.swap(dirty_);
  for (const ConnectionId id : turn_)
    if (Connection* connection = connections_.find(id)) connection->flush();
}

// Filed under the tick of its deadline, or an earlier one that will look at it again.
void Gateway::file(Connection& connection) {
  const Instant deadline = connection.deadline();
  if (connection.filed_tick != 0 && connection.filed_tick <= wheel_.tick_for(deadline)) return;
  connection.filed_tick = wheel_.file(connection.session().id(), deadline);
}

void Gateway::tick() {
  const Instant now = loop_.now();
  due_.clear();
  wheel_.advance(now, due_);
  for (const auto& [id, filed_tick] : due_) {
    Connection* connection = connections_.find(id);
    if (connection == nullptr || connection->filed_tick != filed_tick) continue;
    connection->filed_tick = 0;
    connection->on_deadline(now);
    if (connections_.find(id) != nullptr) file(*connection);
  }
  table_.forget_expired(now);
  tell_to_catch_up();
  busy_with_handshakes();  // those since the last newcomer are not all of the next one's moment
  metrics_.update({.connections = static_cast<double>(connections_.size()),
                   .pre_auth = static_cast<double>(admission_.pre_auth()),
                   .pre_auth_bytes = static_cast<double>(admission_.pre_auth_bytes()),
                   .sessions = static_cast<double>(table_.sessions()),
                   .users = static_cast<double>(table_.users()),
                   .requests_unanswered = static_cast<double>(pending_.size())});
}

// -- the end

void Gateway::leave(Connection& connection) {
  const auto spread = random_.below(settings_.drain_spread_ms) + 1;
  auto action = connection.session().leave(static_cast<std::uint32_t>(spread), loop_.now(),
                                           connection.out());
  on_action(connection, action);
  connection.queued();
}

void Gateway::drain(std::function<void()> done) {
  if (draining_) return;
  log::info("gateway.draining", {{"connections", connections_.size()}});
  listeners_.clear();
  draining_ = Draining{loop_.now() + ms(settings_.drain_ms), std::move(done)};
  connections_.for_each([this](Connection& connection) { leave(connection); });
}

void Gateway::check_drained() {
  if (!draining_->done) return;
  const Instant now = loop_.now();
  const bool all_gone = connections_.size() == 0;
  if (all_gone) draining_->until = std::min(draining_->until, now + last_report_wait);
  if (!(all_gone && routes_.idle()) && now < draining_->until) return;
  log::info("gateway.drained", {{"connections_cut", connections_.size()}});
  connections_.for_each([](Connection& connection) { connection.abort(); });
  std::exchange(draining_->done, {})();
}

}  // namespace parley
