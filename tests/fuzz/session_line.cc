#include "tests/fuzz/session_line.h"

#include <algorithm>

#include "proto/verbs.h"

namespace parley::fuzz {
namespace {

constexpr std::size_t frame_overhead = limits::frame_header_bytes + limits::tag_bytes;

}  // namespace

SessionLine::SessionLine(std::size_t index, ConnectionId id, const SessionRules& rules,
                         Instant now, SessionOwner& owner)
    : index_(index),
      rules_(rules),
      owner_(owner),
      session_(id, 42, rules, counts_, now),
      since_(now),
      heard_(now) {}

// -- the client

void SessionLine::greet(std::size_t cut, Instant now) {
  if (phase_ != Phase::greeting || heard_at_all_) return;
  const std::string hello = client_.hello();
  cut %= hello.size();
  if (cut != 0) give(hello.substr(0, cut), now);
  PARLEY_ASSERT(!client_.open());
  phase_ = Phase::anonymous;
  give(hello.substr(cut), now);
  PARLEY_ASSERT(client_.open());
}

void SessionLine::say(const FrameHeader& header, std::string_view body, std::size_t withheld,
                      Instant now) {
  if (!client_.open() || phase_ == Phase::closing || phase_ == Phase::gone) return;
  std::string bytes = std::exchange(withheld_, {}) + client_.frame_at(now, header, body);
  said_.push_back({header, std::string(body)});
  withheld = std::min(withheld, bytes.size());
  if (withheld == 0) return give(std::move(bytes), now);
  // What is complete before the last frame was complete before.
  withheld_ = bytes.substr(bytes.size() - withheld);
  bytes.resize(bytes.size() - withheld);
  Said last = std::move(said_.back());
  said_.pop_back();
  const bool earlier_too = withheld >= frame_overhead + limits::record_prefix_bytes + body.size();
  if (earlier_too && !said_.empty()) {  // both are cut; then both come with the next
    withheld_ = bytes + withheld_;
    said_.push_back(std::move(last));
    return;
  }
  if (!bytes.empty()) give(std::move(bytes), now);
  if (phase_ != Phase::closing && phase_ != Phase::gone) said_.push_back(std::move(last));
}

void SessionLine::say_broken(std::string bytes, Instant now) {
  if (bytes.empty() || phase_ == Phase::closing || phase_ == Phase::gone) return;
  is_broken_ = true;
  withheld_.clear();
  said_.clear();
  give(std::move(bytes), now);
}

void SessionLine::say_changed(const FrameHeader& header, std::size_t place, std::uint8_t by,
                              Instant now) {
  if (!client_.open() || phase_ == Phase::closing || phase_ == Phase::gone) return;
  std::string bytes = client_.frame_at(now, header, {});
  char& byte = bytes[place % bytes.size()];
  byte = static_cast<char>(byte ^ (by == 0 ? 1 : by));
  say_broken(std::move(bytes), now);
}

// As the gateway's connection does.
void SessionLine::give(std::string bytes, Instant now) {
  heard_at_all_ = true;
  std::string out;
  session_.receive(bytes);
  for (;;) {
    Session::Action action = session_.next(now, out);
    if (std::holds_alternative<Session::Nothing>(action)) break;
    PARLEY_ASSERT(!std::holds_alternative<Session::Bind>(action));
    if (const auto* publish = std::get_if<Session::Publish>(&action)) {
      const bool taken = owner_.on_publish(index_, *publish);
      published_.push_back({*publish, std::string(publish->body), taken});
      if (!taken) session_.refuse(publish->request, Error{Errc::retry_later, {}, 100}, now, out);
      continue;
    }
    closed_ = std::get<Session::Close>(action);
    break;
  }
  read(out);
  expect_answers(now);
}

// -- what it has to do with what it was given

const test::GotFrame* SessionLine::peek() {
  if (!peeked_) peeked_ = client_.next();
  return peeked_ ? &*peeked_ : nullptr;
}

test::GotFrame SessionLine::next_frame() {
  PARLEY_ASSERT(peek() != nullptr);
  return *std::exchange(peeked_, std::nullopt);
}

void SessionLine::expect_nothing_more() {
  PARLEY_ASSERT(peek() == nullptr && published_.empty() && !closed_);
}

void SessionLine::expect_answers(Instant now) {
  if (is_broken_) {
    // It waits for the rest of what can be no record, or has cut the connection.
    if (closed_) expect_cut(Errc::bad_frame);
    return expect_nothing_more();
  }
  while (!said_.empty()) {
    const Said said = std::move(said_.front());
    said_.pop_front();
    const std::size_t record_max =
        phase_ == Phase::user ? limits::record_max : limits::frame_before_login_max;
    if (said.body.size() + frame_overhead > record_max && !is_out_of_patience())
      return expect_cut(Errc::bad_frame);
    heard_ = now;
    if (!expect_answer(said, now)) return;
  }
  expect_nothing_more();
}

// False: that was the end.
bool SessionLine::expect_answer(const Said& said, Instant now) {
  const bool over_rate = was_over_rate(said);
  const test::GotFrame* next = peek();
  const bool pong = next != nullptr && next->header.kind == FrameKind::pong;
  const bool out_of_patience = is_out_of_patience();
  switch (said.header.kind) {
    case FrameKind::request: {
      const bool published = !published_.empty() && published_.front().what.request == said.header;
      if (over_rate) return true;
      if (published || !out_of_patience) return expect_request(said);
      expect_close(Errc::rate_limited, now);
      return false;
    }
    case FrameKind::ping:
      if (pong) PARLEY_ASSERT(next_frame().header.number == said.header.number);
      else PARLEY_ASSERT(rules_.frames.rate.limited());
      [[fallthrough]];
    case FrameKind::pong:
      // If it was the last straw, or one behind it, cannot be told from here.
      if (pong || !out_of_patience || !said_.empty()) return true;
      expect_close(Errc::rate_limited, now);
      return false;
    case FrameKind::close:
      expect_close(out_of_patience ? std::optional(Errc::rate_limited) : std::nullopt, now);
      return false;
    default:
      expect_close(out_of_patience ? Errc::rate_limited : Errc::bad_frame, now);
      return false;
  }
}

// Nothing is left to read but a close frame that says so.
bool SessionLine::is_out_of_patience() {
  const test::GotFrame* next = peek();
  return rules_.frames.rate.limited() && closed_ && next != nullptr &&
         next->header.kind == FrameKind::close &&
         next->code() == static_cast<std::uint32_t>(Errc::rate_limited);
}

bool SessionLine::was_over_rate(const Said& said) {
  const test::GotFrame* next = peek();
  const bool may_be = rules_.frames.rate.limited() && said.header.kind == FrameKind::request;
  if (!may_be || next == nullptr) return false;
  const bool over = next->header.kind == FrameKind::error &&
                    next->header.number == said.header.number &&
                    next->code() == static_cast<std::uint32_t>(Errc::rate_limited);
  if (over) PARLEY_ASSERT(next_frame().retry_after_ms() > 0);
  return over;
}

bool SessionLine::expect_request(const Said& said) {
  const auto objected = objection(said);
  if (objected) {
    expect_error(said.header, *objected);
    return true;
  }
  PARLEY_ASSERT(!published_.empty());
  expect_published(said, *verb_info(said.header.verb));
  const bool taken = published_.front().taken;
  published_.pop_front();
  if (!taken) expect_error(said.header, Errc::retry_later);
  else if (phase_ == Phase::anonymous) phase_ = Phase::logging_in;
  if (taken) unanswered_.push_back(said.header.number);
  return true;
}

// The table of gateway/session.h.
std::optional<Errc> SessionLine::objection(const Said& said) const {
  const auto verb = verb_info(said.header.verb);
  if (!verb || verb->caller == Caller::gateway || verb->caller == Caller::business)
    return Errc::unsupported;
  if (verb->caller == Caller::user && phase_ != Phase::user) return Errc::unauthenticated;
  if (verb->caller == Caller::anonymous && phase_ != Phase::anonymous) return Errc::bad_request;
  if (is_leaving_) return Errc::going_away;
  if (said.body.size() > verb->body_max) return Errc::too_large;
  if (std::ranges::count(unanswered_, said.header.number) != 0) return Errc::bad_request;
  if (unanswered_.size() == rules_.in_flight_max) return Errc::rate_limited;
  return std::nullopt;
}

void SessionLine::expect_published(const Said& said, const VerbInfo& verb) {
  const Published& published = published_.front();
  const EnvelopeHeader& header = published.what.header;
  const SessionIdentity nobody{};
  const SessionIdentity& who = phase_ == Phase::user ? identity_ : nobody;
  PARLEY_ASSERT(published.what.request == said.header && published.body == said.body);
  PARLEY_ASSERT(header.verb == said.header.verb && header.target == said.header.target);
  PARLEY_ASSERT(header.user == who.user && header.device == who.device);
  PARLEY_ASSERT(header.generation == who.generation && header.origin == session_.origin());
  const std::uint64_t key = verb.key == KeyRule::target ? said.header.target
                            : verb.key == KeyRule::user ? who.user.value
                                                        : id().value;
  PARLEY_ASSERT(header.key == key);
}

void SessionLine::expect_error(const FrameHeader& request, Errc code) {
  const test::GotFrame frame = next_frame();
  PARLEY_ASSERT(frame.header.kind == FrameKind::error);
  PARLEY_ASSERT(frame.header.number == request.number && frame.header.verb == request.verb);
  PARLEY_ASSERT(frame.code() == static_cast<std::uint32_t>(code));
}

// With a close frame, behind which nothing comes.
void SessionLine::expect_close(std::optional<Errc> reason, Instant now) {
  PARLEY_ASSERT(closed_ && closed_->told && closed_->reason == reason);
  const test::GotFrame frame = next_frame();
  PARLEY_ASSERT(frame.header.kind == FrameKind::close);
  PARLEY_ASSERT(frame.code() == static_cast<std::uint32_t>(reason.value_or(Errc{})));
  closed_.reset();
  expect_nothing_more();
  ended(Phase::closing, now);
}

// Without a word.
void SessionLine::expect_cut(Errc reason) {
  PARLEY_ASSERT(closed_ && !closed_->told && closed_->reason == reason);
  closed_.reset();
  expect_nothing_more();
  ended(Phase::gone, Instant{});
}

void SessionLine::ended(Phase phase, Instant now) {
  phase_ = phase;
  since_ = now;
  unanswered_.clear();
  said_.clear();
  withheld_.clear();
  owner_.on_end(index_);
}

// -- the worker, the bus, the gateway, time

void SessionLine::answer(const FrameHeader& request, const EnvelopeHeader& reply,
                         std::string_view body, Instant now) {
  if (phase_ == Phase::gone) return;
  std::string out;
  Session::Action action = session_.on_reply(request, reply, body, now, out);
  read(out);
  const auto* bind = std::get_if<Session::Bind>(&action);
  if (const auto* close = std::get_if<Session::Close>(&action)) closed_ = *close;
  PARLEY_ASSERT(!std::holds_alternative<Session::Publish>(action));

  const auto asked = std::ranges::find(unanswered_, request.number);
  if (asked == unanswered_.end()) {
    PARLEY_ASSERT(bind == nullptr);
    return expect_nothing_more();
  }
  unanswered_.erase(asked);
  const bool was_login = phase_ == Phase::logging_in;
  if (was_login) phase_ = Phase::anonymous;
  const bool grants = was_login && (reply.flags & flag_binds_session) != 0;
  PARLEY_ASSERT((bind != nullptr) == (grants && reply.error == 0 && is_valid(reply.user)));
  if (reply.error != 0 || (grants && bind == nullptr)) {
    const bool ours = reply.error >= GatewayCounts::errcs || reply.error == 0;
    expect_error(request, ours ? Errc::internal : static_cast<Errc>(reply.error));
    return expect_gone_if_left(now);
  }
  const test::GotFrame frame = next_frame();
  PARLEY_ASSERT(frame.header.kind == FrameKind::reply && frame.header.number == request.number);
  PARLEY_ASSERT(frame.header.verb == request.verb && frame.body == body);
  if (bind != nullptr) {
    phase_ = Phase::user;
    heard_ = now;
    identity_ = bind->identity;
    PARLEY_ASSERT(identity_.user == reply.user && identity_.device == reply.device);
    PARLEY_ASSERT(identity_.generation == reply.generation);
    expect_nothing_more();
    return owner_.on_bind(index_, identity_);
  }
  if (!was_login && (reply.flags & flag_ends_session) != 0) return expect_close(std::nullopt, now);
  expect_gone_if_left(now);
}

void SessionLine::expect_gone_if_left(Instant now) {
  const bool left = is_leaving_ && unanswered_.empty();
  if (left && client_.open()) return expect_close(Errc::going_away, now);
  if (left) return expect_cut(Errc::going_away);
  expect_nothing_more();
}

void SessionLine::notify(std::string_view body, Instant now) {
  PARLEY_ASSERT(phase_ == Phase::user);
  std::string out;
  session_.notify(Notice::c2c_message, 9, body, now, out);
  read(out);
  const test::GotFrame frame = next_frame();
  PARLEY_ASSERT(frame.header.kind == FrameKind::notice && frame.header.number == 0);
  PARLEY_ASSERT(frame.header.target == 9 && frame.body == body);
  expect_nothing_more();
}

void SessionLine::close(Errc reason, Instant now) {
  if (phase_ == Phase::closing || phase_ == Phase::gone) return;
  std::string out;
  closed_ = std::get<Session::Close>(session_.close(reason, 0, now, out));
  read(out);
  if (client_.open()) expect_close(reason, now);
  else expect_cut(reason);
}

void SessionLine::leave(Instant now) {
  if (phase_ == Phase::gone) return;
  std::string out;
  Session::Action action = session_.leave(700, now, out);
  if (const auto* close = std::get_if<Session::Close>(&action)) closed_ = *close;
  read(out);
  if (phase_ == Phase::closing) return expect_nothing_more();
  is_leaving_ = true;
  expect_gone_if_left(now);
}

void SessionLine::pass(Instant now) {
  if (phase_ == Phase::gone) return;
  std::string out;
  Session::Action action = session_.on_deadline(now, out);
  if (const auto* close = std::get_if<Session::Close>(&action)) closed_ = *close;
  read(out);
  if (now < deadline()) return expect_nothing_more();
  if (phase_ == Phase::closing) {
    PARLEY_ASSERT(closed_ && !closed_->told);
    closed_.reset();
    phase_ = Phase::gone;
    return;
  }
  if (client_.open()) expect_close(Errc::idle, now);
  else expect_cut(Errc::idle);
}

Instant SessionLine::deadline() const {
  switch (phase_) {
    case Phase::greeting: return since_ + (heard_at_all_ ? rules_.handshake : rules_.first_byte);
    case Phase::anonymous:
    case Phase::logging_in: return since_ + rules_.login;
    case Phase::user: return heard_ + rules_.idle;
    default: return since_ + rules_.closing;
  }
}

void SessionLine::check() const {
  const bool over = phase_ == Phase::closing || phase_ == Phase::gone;
  PARLEY_ASSERT(session_.is_closing() == over);
  PARLEY_ASSERT(session_.is_ready() == (phase_ == Phase::user));
  PARLEY_ASSERT(session_.in_flight() == unanswered_.size());
  PARLEY_ASSERT(unanswered_.size() <= rules_.in_flight_max);
  const std::size_t record_max =
      phase_ == Phase::user ? limits::record_max : limits::frame_before_login_max;
  // Half of it is the string's own way to grow.
  PARLEY_ASSERT(session_.held_bytes() <= 2 * (record_max + limits::record_prefix_bytes));
  if (over) PARLEY_ASSERT(session_.held_bytes() == 0);
  if (phase_ != Phase::gone) PARLEY_ASSERT(session_.deadline() == deadline());
}

}  // namespace parley::fuzz
