#include "client/session.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"

namespace parley::client {
namespace {

// A connection that held this long was a good one: the next pause is short again.
constexpr Duration good_after = 5s;
constexpr Duration hop_jitter = 100ms;

}  // namespace

Session::Session(SessionOptions options, Credentials credentials, std::uint64_t seed)
    : options_(std::move(options)),
      credentials_(std::move(credentials)),
      random_(seed),
      registration_(credentials_.account == Account::create ? Registration::wanted
                                                            : Registration::done) {
  PARLEY_ASSERT(!options_.gateways.empty());
  gateway_ = random_.below(options_.gateways.size());
}

void Session::start(Instant now, std::vector<Action>& out) {
  if (std::holds_alternative<Stopped>(state_)) dial(now, out);
}

void Session::stop(const Error& why, std::vector<Action>& out) {
  if (std::holds_alternative<Stopped>(state_)) return;
  if (!std::holds_alternative<Waiting>(state_)) out.push_back(HangUp{});
  state_ = Stopped{};
  why_ = why;
}

void Session::dial(Instant now, std::vector<Action>& out) {
  state_ = Connecting{.deadline = now + options_.connect_within};
  out.push_back(Dial{options_.gateways[gateway_]});
}

void Session::on_open(Instant now, std::vector<Action>& out) {
  if (!std::holds_alternative<Connecting>(state_)) return;
  last_heard_ = now;
  const auto step = best_step(now);
  if (!step) return stop(Error{Errc::refused, "no token and no password to log in with"}, out);
  take_step(*step, now, out);
}

void Session::on_closed(const Error& why, Instant now, std::vector<Action>&) {
  if (std::holds_alternative<Stopped>(state_) || std::holds_alternative<Waiting>(state_)) return;
  wait(why, now);
}

void Session::give_up_connection(const Error& why, Instant now, std::vector<Action>& out) {
  if (std::holds_alternative<Stopped>(state_) || std::holds_alternative<Waiting>(state_)) return;
  out.push_back(HangUp{});
  wait(why, now);
}

void Session::wait(const Error& why, Instant now) {
  const auto* ready = std::get_if<Ready>(&state_);
  if (ready != nullptr && now - ready->since >= good_after) failures_ = 0;
  ++failures_;
  gateway_ = (gateway_ + 1) % options_.gateways.size();
  why_ = why;
  state_ = Waiting{.until = now + pause(std::chrono::milliseconds(why.retry_after_ms))};
}

// Through the list quickly, then a pause that grows with each round. The server's hint is a lower bound.
Duration Session::pause(Duration hint) {
  const auto round = static_cast<unsigned>(failures_ / options_.gateways.size());
  const bool is_round_over = failures_ % options_.gateways.size() == 0;
  const Duration own =
      is_round_over ? backoff(round - 1, options_.backoff_base, options_.backoff_cap, random_)
                    : random_.between(Duration::zero(), hop_jitter);
  hint = std::min(hint, options_.hint_max);
  return pause_after_refusal(own, hint, random_);
}

std::optional<Session::Step> Session::best_step(Instant now) const {
  if (registration_ == Registration::wanted) return Step::register_account;
  if (!login_.access_token.empty() && now < access_token_until_) return Step::access_token;
  if (!identity_.device_token.empty()) return Step::device_token;
  if (!credentials_.password.empty()) return Step::password;
  return std::nullopt;
}

void Session::take_step(Step step, Instant now, std::vector<Action>& out) {
  state_ = Authenticating{.step = step, .deadline = now + options_.login_within};
  last_sent_ = now;
  ++login_number_;
  out.push_back(request_of(step));
}

Transmit Session::request_of(Step step) const {
  const wire_format::Device device{identity_.device, credentials_.device_class};
  const auto request = [&](Verb verb, std::string body) {
    return Transmit{.header = {.kind = FrameKind::request,
                               .verb = static_cast<std::uint16_t>(verb),
                               .number = login_number_},
                    .body = std::move(body)};
  };
  switch (step) {
    case Step::register_account:
      return request(Verb::login_register,
                     wire_format::register_account(credentials_.name, credentials_.password,
                                                   credentials_.nickname));
    case Step::access_token:
      return request(Verb::login_token, wire_format::access_token(login_.access_token, device));
    case Step::device_token:
      return request(Verb::login_resume, wire_format::resume(identity_.device_token, device));
    case Step::password:
      break;
  }
  return request(Verb::login_password,
                 wire_format::password(credentials_.name, credentials_.password, device));
}

Session::Took Session::on_frame(const Frame& frame, Instant now, std::vector<Action>& out) {
  last_heard_ = now;
  const FrameHeader& header = frame.header;
  switch (header.kind) {
    case FrameKind::ping:
      out.push_back(
          Transmit{.header = {.kind = FrameKind::pong, .number = header.number}, .body = {}});
      last_sent_ = now;
      return Took::yes;
    case FrameKind::pong:
      return Took::yes;
    case FrameKind::close:
      on_close_frame(frame, now, out);
      return Took::yes;
    default:
      break;
  }
  if (is_ready()) return Took::no;
  const auto* login = std::get_if<Authenticating>(&state_);
  const bool is_answer = header.kind == FrameKind::reply || header.kind == FrameKind::error;
  if (login != nullptr && is_answer && header.number == login_number_)
    on_answer(login->step, frame, now, out);
  return Took::yes;
}

void Session::on_answer(Step step, const Frame& frame, Instant now, std::vector<Action>& out) {
  if (frame.header.kind == FrameKind::error)
    return on_refusal(step, wire_format::decode_error(frame.body, Errc::internal), now, out);
  if (step != Step::register_account) return on_login(frame, now, out);
  registration_ = Registration::done;
  take_step(Step::password, now, out);
}

void Session::on_login(const Frame& frame, Instant now, std::vector<Action>& out) {
  auto login = wire_format::decode_login(frame.body);
  if (!login) return give_up_connection(login.error(), now, out);
  if (identity_.user && login->user != identity_.user)
    return stop(Error{Errc::conflict, "the local log belongs to another user"}, out);
  identity_.user = login->user;
  if (!login->device_token.empty()) identity_.device_token = login->device_token;
  access_token_until_ = now + std::chrono::milliseconds(login->access_token_valid_ms);
  const Duration wanted = std::chrono::milliseconds(login->ping_every_ms);
  const Duration most = wanted > Duration::zero() ? std::min(wanted, options_.ping_every)
                                                  : options_.ping_every;
  login_ = std::move(*login);
  // Jitter: thousands that logged in together after a restart need not ping together for ever.
  state_ = Ready{.since = now, .ping_every = random_.between(most * 3 / 4, most)};
}

void Session::on_refusal(Step step, const Error& error, Instant now, std::vector<Action>& out) {
  if (step == Step::register_account && error.code == Errc::conflict) {
    registration_ = Registration::name_was_taken;
    return take_step(Step::password, now, out);
  }
  if (is_retryable(error.code)) return give_up_connection(error, now, out);
  if (error.code != Errc::refused || step == Step::register_account) return stop(error, out);
  if (step == Step::access_token) login_.access_token.clear();
  if (step == Step::device_token) identity_.device_token.clear();
  const auto next = step == Step::password ? std::nullopt : best_step(now);
  if (next) return take_step(*next, now, out);
  const bool name_was_taken = registration_ == Registration::name_was_taken;
  stop(name_was_taken ? Error{Errc::conflict, "the name is taken"} : error, out);
}

void Session::on_close_frame(const Frame& frame, Instant now, std::vector<Action>& out) {
  const Error why = wire_format::decode_error(frame.body, Errc::disconnected);
  if (why.code == Errc::revoked) forget_tokens();
  if (why.code == Errc::replaced || why.code == Errc::revoked) return stop(why, out);
  give_up_connection(why, now, out);
}

void Session::forget_tokens() {
  identity_.device_token.clear();
  login_.access_token.clear();
}

void Session::tick(Instant now, std::vector<Action>& out) {
  const auto deadline = next_deadline();
  if (!deadline || now < *deadline) return;
  if (std::holds_alternative<Waiting>(state_)) return dial(now, out);
  const auto* ready = std::get_if<Ready>(&state_);
  if (ready == nullptr)
    return give_up_connection(Error{Errc::disconnected, "no answer in time"}, now, out);
  if (now >= last_heard_ + 3 * ready->ping_every)
    return give_up_connection(Error{Errc::idle, "nothing was heard for too long"}, now, out);
  out.push_back(Transmit{.header = {.kind = FrameKind::ping}, .body = {}});
  last_sent_ = now;
}

std::optional<Instant> Session::next_deadline() const {
  if (const auto* waiting = std::get_if<Waiting>(&state_)) return waiting->until;
  if (const auto* connecting = std::get_if<Connecting>(&state_)) return connecting->deadline;
  if (const auto* login = std::get_if<Authenticating>(&state_)) return login->deadline;
  const auto* ready = std::get_if<Ready>(&state_);
  if (ready == nullptr) return std::nullopt;
  return std::min(last_sent_ + ready->ping_every, last_heard_ + 3 * ready->ping_every);
}

StateChanged Session::describe(Instant now) const {
  if (const auto* waiting = std::get_if<Waiting>(&state_))
    return {.phase = Phase::waiting, .why = why_, .retry_in = waiting->until - now};
  if (std::holds_alternative<Connecting>(state_)) return {.phase = Phase::connecting};
  if (std::holds_alternative<Authenticating>(state_)) return {.phase = Phase::authenticating};
  return {.phase = is_ready() ? Phase::ready : Phase::stopped, .why = why_};
}

}  // namespace parley::client
