#include "gateway/session.h"

#include <algorithm>

#include "base/assert.h"
#include "proto/common.pb.h"
#include "proto/limits.h"

namespace parley {
namespace {

// Above this an idle session gives the memory of its list of requests back.
constexpr std::size_t in_flight_kept = 8;

std::string error_body(Errc code, std::uint32_t retry_after_ms) {
  wire::ErrorBody body;
  body.set_code(static_cast<std::uint32_t>(code));
  body.set_retry_after_ms(retry_after_ms);
  return body.SerializeAsString();
}

// Errors of our own household are none of a client's business.
Errc public_code(std::uint16_t number) {
  return number < GatewayCounts::errcs ? static_cast<Errc>(number) : Errc::internal;
}

// Of the session's own count: a client may use a frame's number again, and does after its login.
std::uint64_t trace_of(std::uint64_t seed, ConnectionId connection, std::uint32_t number) {
  std::uint64_t z = seed + connection.value * 0x9E3779B97F4A7C15ULL + number;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
  return z ^ (z >> 31);
}

}  // namespace

Session::Session(ConnectionId id, std::uint64_t origin, const SessionRules& rules,
                 GatewayCounts& counts, Instant now)
    : rules_(rules), counts_(counts), id_(id), origin_(origin), state_(Handshake{now}) {}

Session::Action Session::next(Instant now, std::string& out) {
  PARLEY_ASSERT(!is_closing());
  auto* handshake = std::get_if<Handshake>(&state_);
  if (handshake == nullptr) return next_record(now, out);
  handshake->heard = true;
  const auto hello = inbox_.take(hello_bytes);
  if (!hello) return Nothing{};
  Action action = shake_hands({hello->data(), hello->size()}, now, out);
  return std::holds_alternative<Close>(action) ? action : next_record(now, out);
}

Session::Action Session::shake_hands(std::string_view hello, Instant now, std::string& out) {
  ++counts_.handshakes;
  auto accepted =
      accept_hello(hello, rules_.keys, rules_.transport, rules_.new_ephemeral(), now);
  if (!accepted) {
    ++counts_.handshakes_failed;
    return break_off(Errc::bad_frame, now);
  }
  out.append(accepted->answer);
  channel_.emplace(std::move(accepted->channel));
  state_ = AwaitLogin{std::get<Handshake>(state_).since};
  return Nothing{};
}

Session::Action Session::next_record(Instant now, std::string& out) {
  for (;;) {
    const auto sealed =
        inbox_.take_record(is_ready() ? limits::record_max : limits::frame_before_login_max);
    if (!sealed) return break_off(Errc::bad_frame, now);
    if (!*sealed) return Nothing{};
    const auto frame = channel_->open(**sealed);
    if (!frame) return break_off(Errc::bad_frame, now);
    ++counts_.frames_in;
    heard(now);
    const auto verdict = guard_.on_frame(rules_.frames, now);
    Action action = *frame ? on_frame(**frame, verdict, now, out)
                           : within_rate({.kind = FrameKind::rekey}, verdict, now, out);
    if (!std::holds_alternative<Nothing>(action)) return action;
  }
}

void Session::heard(Instant now) {
  if (auto* ready = std::get_if<Ready>(&state_)) ready->heard = now;
}

Session::Action Session::on_frame(const Frame& frame, RateGuard::Verdict verdict, Instant now,
                                  std::string& out) {
  switch (frame.header.kind) {
    case FrameKind::request:
      if (verdict != RateGuard::Verdict::pass) return over_rate(frame.header, verdict, now, out);
      return on_request(frame, now, out);
    case FrameKind::ping:
      if (verdict != RateGuard::Verdict::pass) return over_rate(frame.header, verdict, now, out);
      seal({.kind = FrameKind::pong, .number = frame.header.number}, {}, now, out);
      return Nothing{};
    case FrameKind::pong:
      return within_rate(frame.header, verdict, now, out);
    case FrameKind::close:
      return say_goodbye(now, out);
    default:
      return close(Errc::bad_frame, 0, now, out);
  }
}

// What is not answered counts all the same: opening it costs as much.
Session::Action Session::within_rate(const FrameHeader& header, RateGuard::Verdict verdict,
                                     Instant now, std::string& out) {
  if (verdict == RateGuard::Verdict::pass) return Nothing{};
  return over_rate(header, verdict, now, out);
}

Session::Action Session::over_rate(const FrameHeader& header, RateGuard::Verdict verdict,
                                   Instant now, std::string& out) {
  const auto hint_ms = static_cast<std::uint32_t>(to_ms(guard_.hint(now)));
  if (verdict == RateGuard::Verdict::close) return close(Errc::rate_limited, hint_ms, now, out);
  if (header.kind == FrameKind::request)
    answer_error(header, {Errc::rate_limited, {}, hint_ms}, now, out);
  return Nothing{};
}

Session::Action Session::on_request(const Frame& frame, Instant now, std::string& out) {
  const auto verb = verb_info(frame.header.verb);
  const auto objected = verb ? objection(*verb, frame) : std::optional{Errc::unsupported};
  if (!objected) return publish(*verb, frame);
  const std::uint32_t hint_ms = *objected == Errc::going_away      ? leave_after_ms_
                                : *objected == Errc::rate_limited ? 1'000
                                                                  : 0;
  answer_error(frame.header, {*objected, {}, hint_ms}, now, out);
  return Nothing{};
}

std::optional<Errc> Session::objection(const VerbInfo& verb, const Frame& frame) const {
  if (verb.caller == Caller::gateway || verb.caller == Caller::business) return Errc::unsupported;
  const auto* ready = std::get_if<Ready>(&state_);
  if (verb.caller == Caller::user && ready == nullptr) return Errc::unauthenticated;
  if (verb.caller == Caller::anonymous && !std::holds_alternative<AwaitLogin>(state_))
    return Errc::bad_request;
  if (leave_after_ms_ != 0) return Errc::going_away;
  if (frame.body.size() > verb.body_max) return Errc::too_large;
  if (ready == nullptr) return std::nullopt;
  if (std::ranges::find(ready->in_flight, frame.header.number) != ready->in_flight.end())
    return Errc::bad_request;
  if (ready->in_flight.size() >= rules_.in_flight_max) return Errc::rate_limited;
  return std::nullopt;
}

Session::Publish Session::publish(const VerbInfo& verb, const Frame& frame) {
  EnvelopeHeader header;
  header.verb = frame.header.verb;
  header.key = id_.value;
  header.target = frame.header.target;
  header.origin = origin_;
  header.trace = trace_of(rules_.trace_seed, id_, ++published_);
  if (auto* ready = std::get_if<Ready>(&state_)) {
    ready->in_flight.push_back(frame.header.number);
    header.user = ready->user;
    header.device = ready->device;
    header.generation = ready->generation;
    if (verb.key == KeyRule::user) header.key = ready->user.value;
  } else {
    state_ = LoggingIn{std::get<AwaitLogin>(state_).since, frame.header.number};
  }
  if (verb.key == KeyRule::target) header.key = frame.header.target;
  ++counts_.requests[place_of(verb.verb)];
  return {header, frame.body, frame.header};
}

// Whether the request was waiting for an answer. After it, it is not.
bool Session::finish_request(std::uint32_t number) {
  if (const auto* login = std::get_if<LoggingIn>(&state_)) {
    if (login->number != number) return false;
    state_ = AwaitLogin{login->since};
    return true;
  }
  auto* ready = std::get_if<Ready>(&state_);
  if (ready == nullptr) return false;
  const auto found = std::ranges::find(ready->in_flight, number);
  if (found == ready->in_flight.end()) return false;
  *found = ready->in_flight.back();
  ready->in_flight.pop_back();
  if (ready->in_flight.empty() && ready->in_flight.capacity() > in_flight_kept)
    std::vector<std::uint32_t>().swap(ready->in_flight);
  return true;
}

Session::Action Session::on_reply(FrameHeader request, const EnvelopeHeader& reply,
                                  std::string_view body, Instant now, std::string& out) {
  const bool anonymous = std::holds_alternative<LoggingIn>(state_);
  if (!finish_request(request.number)) return Nothing{};
  const bool grants = anonymous && (reply.flags & flag_binds_session) != 0;
  const bool usable = body.size() <= limits::frame_body_max && (!grants || is_valid(reply.user));
  if (reply.error != 0 || !usable) {
    const Errc code = reply.error != 0 ? public_code(reply.error) : Errc::internal;
    answer_error(request, {code, {}, reply.retry_after_ms}, now, out);
    return left_if_done(now, out);
  }
  request.kind = FrameKind::reply;
  seal(request, body, now, out);
  if (grants) return granted(reply, now);
  if (!anonymous && (reply.flags & flag_ends_session) != 0) return say_goodbye(now, out);
  return left_if_done(now, out);
}

Session::Action Session::granted(const EnvelopeHeader& reply, Instant now) {
  state_ = Ready{reply.user, reply.device, reply.generation, now, {}};
  logged_in_ = true;
  const auto device_class = static_cast<std::uint8_t>(reply.target);
  return Bind{{reply.user, reply.device, reply.generation, device_class}};
}

void Session::refuse(const FrameHeader& request, const Error& error, Instant now,
                     std::string& out) {
  if (finish_request(request.number)) answer_error(request, error, now, out);
}

void Session::notify(Notice notice, std::uint64_t target, std::string_view body, Instant now,
                     std::string& out) {
  PARLEY_ASSERT(is_ready());
  const FrameHeader header{.kind = FrameKind::notice,
                           .verb = static_cast<std::uint16_t>(notice),
                           .target = target};
  seal(header, body, now, out);
}

Session::Action Session::close(Errc reason, std::uint32_t retry_after_ms, Instant now,
                               std::string& out) {
  PARLEY_ASSERT(!is_closing());
  if (!channel_) return break_off(reason, now);
  seal({.kind = FrameKind::close}, error_body(reason, retry_after_ms), now, out);
  enter_closing(static_cast<std::size_t>(reason), now);
  return Close{reason, true};
}

Session::Action Session::say_goodbye(Instant now, std::string& out) {
  seal({.kind = FrameKind::close}, {}, now, out);
  enter_closing(0, now);
  return Close{std::nullopt, true};
}

void Session::enter_closing(std::size_t reason, Instant now) {
  inbox_.discard();
  state_ = Closing{now};
  ++counts_.closed[reason % GatewayCounts::errcs];
}

// What follows a forged or malformed record is not worth an answer: nobody we know would read it.
Session::Action Session::break_off(Errc reason, Instant now) {
  enter_closing(static_cast<std::size_t>(reason), now);
  return Close{reason, false};
}

Session::Action Session::leave(std::uint32_t retry_after_ms, Instant now, std::string& out) {
  if (is_closing()) return Nothing{};
  leave_after_ms_ = std::max(retry_after_ms, 1U);
  return left_if_done(now, out);
}

Session::Action Session::left_if_done(Instant now, std::string& out) {
  if (leave_after_ms_ == 0 || in_flight() != 0) return Nothing{};
  return close(Errc::going_away, leave_after_ms_, now, out);
}

std::size_t Session::in_flight() const {
  if (const auto* ready = std::get_if<Ready>(&state_)) return ready->in_flight.size();
  return std::holds_alternative<LoggingIn>(state_) ? 1 : 0;
}

Instant Session::deadline() const {
  struct Visitor {
    const SessionRules& rules;
    Instant operator()(const Handshake& s) const {
      return s.since + (s.heard ? rules.handshake : rules.first_byte);
    }
    Instant operator()(const AwaitLogin& s) const { return s.since + rules.login; }
    Instant operator()(const LoggingIn& s) const { return s.since + rules.login; }
    Instant operator()(const Ready& s) const { return s.heard + rules.idle; }
    Instant operator()(const Closing& s) const { return s.since + rules.closing; }
  };
  return std::visit(Visitor{rules_}, state_);
}

Session::Action Session::on_deadline(Instant now, std::string& out) {
  if (now < deadline()) return Nothing{};
  if (is_closing()) return Close{std::nullopt, false};
  return close(Errc::idle, 0, now, out);
}

void Session::answer_error(FrameHeader request, const Error& error, Instant now,
                           std::string& out) {
  counts_.error(error.code);
  request.kind = FrameKind::error;
  seal(request, error_body(error.code, error.retry_after_ms), now, out);
}

void Session::seal(const FrameHeader& header, std::string_view body, Instant now,
                   std::string& out) {
  ++counts_.frames_out;
  channel_->seal(header, body, out, now);
}

}  // namespace parley
