// A gateway's sessions and the table of who is logged in, joined as gateway.cc joins them: the input is a script
// of what several clients, good and bad, the workers and the bus do, and of time. session_line.h says what must hold of
// each session; here is what must hold of them together:
//
//  - the table has exactly the sessions that were bound and are not over; a user has one of a class at most
//  - a login that ended before it began is closed, and no other is
//  - a delivery reaches each session of its users once, and nobody else
//  - after everything is revoked and time has passed, nobody is left
//
// Input: the rate, then steps, each a byte that says what, one that says who, and what else the step needs.
#include <algorithm>
#include <array>
#include <memory>

#include "gateway/connection_id.h"
#include "gateway/session_table.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/session_line.h"

namespace parley::fuzz {
namespace {

constexpr std::size_t steps_max = 300;
constexpr std::size_t lines_max = 4;
constexpr std::size_t connects_max = 8;  // a handshake costs more than all else
constexpr std::size_t pending_max = 100;
constexpr Duration fences_keep = 10s;

constexpr std::array verbs{Verb::login_password, Verb::login_token,  Verb::login_register,
                           Verb::c2c_send,       Verb::c2c_pull,     Verb::login_logout,
                           Verb::login_find,     Verb::push_publish, Verb::route_report};

class Script final : public SessionOwner {
 public:
  Script(const std::uint8_t* data, std::size_t size) : input_(data, size) {
    rules_.keys = {test::test_key()};
    rules_.new_ephemeral = [] { return SecretKey{1, 2, 3}; };
    rules_.in_flight_max = 5;
    const std::uint64_t rate = byte() % 4;
    rules_.frames = {.rate = {.count = rate * 10, .burst = 8}, .strikes_max = 2};
  }

  void run() {
    for (std::size_t step = 0; step < steps_max && !input_.empty(); ++step) {
      take_step();
      check();
    }
    go();
  }

 private:
  // A request that a worker has; also those of sessions that are over, and in the end answered ones.
  struct Pending {
    std::size_t line;
    ConnectionId connection;
    FrameHeader request;
  };
  // "Sessions like this one have ended", for a while.
  struct Fence {
    Errc reason;
    SessionIdentity what;
    Instant until;
  };

  std::uint8_t byte() { return input_.number<std::uint8_t>(); }
  SessionLine* someone() { return lines_[byte() % lines_max].get(); }

  void take_step() {
    switch (byte() % 16) {
      case 0: return connect();
      case 1: return with([&](SessionLine& line) { log_in(line); });
      case 2:
      case 3: return with([&](SessionLine& line) { ask(line); });
      case 4: return with([&](SessionLine& line) { say_anything(line); });
      case 5: return with([&](SessionLine& line) { misbehave(line); });
      case 6:
      case 7: return answer(pending_.empty() ? 0 : byte() % pending_.size(), true);
      case 8: return answer(pending_.empty() ? 0 : pending_.size() - 1, true);
      case 9: return answer(pending_.empty() ? 0 : byte() % pending_.size(), false);
      case 10: return notice();
      case 11: return deliver();
      case 12: return pass(std::chrono::milliseconds(50) * byte());
      case 13: return with([&](SessionLine& line) { line.close(Errc::slow_consumer, now_); });
      case 14: return rare();
      default: return with([&](SessionLine& line) { pipeline(line); });
    }
  }

  template <typename F>
  void with(F&& what) {
    if (SessionLine* line = someone()) what(*line);
  }

  void connect() {
    auto& place = lines_[byte() % lines_max];
    if ((place && place->phase() != Phase::gone) || connects_ == connects_max) return;
    const std::size_t index = static_cast<std::size_t>(&place - lines_.data());
    const auto slot = static_cast<std::uint32_t>(index);
    place = std::make_unique<SessionLine>(index, connection_id(++connects_, slot), rules_, now_,
                                          *this);
    const std::uint8_t cut = byte();
    if (cut < 240) place->greet(cut, now_);
    if (is_draining_) place->leave(now_);
  }

  FrameHeader request(Verb verb) {
    return {.kind = FrameKind::request,
            .verb = static_cast<std::uint16_t>(verb),
            .number = ++numbers_,
            .target = byte() % 4U};
  }
  void log_in(SessionLine& line) { line.say(request(verbs[byte() % 3]), "secret", 0, now_); }

  void ask(SessionLine& line) {
    FrameHeader header = request(verbs[byte() % verbs.size()]);
    const std::uint8_t odd = byte();
    if (odd % 8 == 1) header.number -= odd / 8 % 4;
    if (odd % 8 == 2) header.verb = static_cast<std::uint16_t>(0x0200 + odd);
    const std::size_t size = odd % 8 == 3 ? 80U * byte() : odd / 8U;
    const std::size_t withheld = odd % 8 == 4 ? byte() : 0U;
    line.say(header, std::string(size, 'b'), withheld, now_);
  }

  void pipeline(SessionLine& line) {
    for (int count = byte() % 12; count > 0; --count)
      line.say(request(Verb::c2c_send), "b", 9, now_);
    line.say({.kind = FrameKind::ping, .number = 7}, {}, 0, now_);
  }

  void say_anything(SessionLine& line) {
    constexpr std::array kinds{FrameKind::ping,   FrameKind::pong,  FrameKind::close,
                               FrameKind::reply,  FrameKind::error, FrameKind::notice,
                               FrameKind::request};
    const FrameHeader header{.kind = kinds[byte() % kinds.size()],
                             .verb = input_.number<std::uint16_t>(),
                             .number = byte()};
    line.say(header, input_.take(byte() % 32), 0, now_);
  }

  void misbehave(SessionLine& line) {
    const FrameHeader header = request(Verb::c2c_send);
    const std::uint8_t what = byte();
    if (what % 2 != 0) return line.say_broken(std::string(input_.take(what / 2)), now_);
    const std::uint8_t place = byte();
    line.say_changed(header, place, byte(), now_);
  }

  // -- workers and the bus

  bool on_publish(std::size_t line, const Session::Publish& publish) override {
    if (bus_is_full_) return false;
    if (pending_.size() == pending_max) pending_.erase(pending_.begin());
    pending_.push_back({line, lines_[line]->id(), publish.request});
    return true;
  }

  void answer(std::size_t which, bool well) {
    if (pending_.empty()) return;
    const Pending pending = pending_[which];
    // Most are answered once.
    if (byte() % 8 != 0) pending_.erase(pending_.begin() + static_cast<std::ptrdiff_t>(which));
    EnvelopeHeader reply{.kind = EnvelopeKind::reply, .verb = pending.request.verb};
    if (!well) reply.error = byte();
    const std::uint8_t what = byte();
    const auto verb = static_cast<Verb>(pending.request.verb);
    const bool is_login = verb == Verb::login_password || verb == Verb::login_token;
    if (is_login || what % 16 == 1) reply.flags |= flag_binds_session;
    if (verb == Verb::login_logout || what % 16 == 2) reply.flags |= flag_ends_session;
    reply.user = UserId{what % 16 == 3 ? 0U : 1U + what % 2};
    reply.device = DeviceId{1U + what / 2 % 3};
    reply.target = 1U + what / 8 % 2;  // its class
    reply.generation = Generation{byte() % 32U};
    SessionLine* line = lines_[pending.line].get();
    if (line->id() != pending.connection) return;  // the client did not wait
    line->answer(pending.request, reply, input_.take(byte() % 32), now_);
  }

  void on_bind(std::size_t index, const SessionIdentity& who) override {
    SessionLine& line = *lines_[index];
    const auto ended = should_have_ended(index, who);
    const bool is_first = std::ranges::none_of(
        bound_, [&](std::size_t other) { return lines_[other]->identity().user == who.user; });
    const auto bound = table_.bind(line.id(), who, now_);
    PARLEY_ASSERT(bound.ended == ended);
    if (ended) return line.close(*ended, now_);
    PARLEY_ASSERT(bound.first == is_first);
    bound_.push_back(index);
    end(bound.displaced, Errc::replaced, [&](const SessionIdentity& other) {
      return other.device_class == who.device_class;
    }, who.user, index);
    if (is_draining_) line.leave(now_);
  }

  std::optional<Errc> should_have_ended(std::size_t, const SessionIdentity& who) const {
    for (const std::size_t other : bound_) {
      const SessionIdentity& theirs = lines_[other]->identity();
      const bool same = theirs.user == who.user && theirs.device_class == who.device_class;
      if (same && theirs.generation > who.generation) return Errc::replaced;
    }
    for (const Fence& fence : fences_) {
      const bool replaced = fence.reason == Errc::replaced;
      if (now_ >= fence.until || fence.what.user != who.user) continue;
      if (replaced && fence.what.device_class == who.device_class &&
          who.generation < fence.what.generation)
        return Errc::replaced;
      if (!replaced && fence.what.device == who.device && who.generation <= fence.what.generation)
        return Errc::revoked;
    }
    return std::nullopt;
  }

  // Exactly those bound sessions of the user that are meant are to be closed.
  template <typename Meant>
  void end(const std::vector<ConnectionId>& connections, Errc reason, Meant&& meant, UserId user,
           std::size_t but) {
    std::vector<ConnectionId> expected;
    for (const std::size_t index : bound_) {
      const SessionIdentity& who = lines_[index]->identity();
      if (index != but && who.user == user && meant(who)) expected.push_back(lines_[index]->id());
    }
    std::vector<ConnectionId> sorted = connections;
    std::ranges::sort(sorted);
    std::ranges::sort(expected);
    PARLEY_ASSERT(sorted == expected);
    for (const ConnectionId id : connections) lines_[slot_of(id)]->close(reason, now_);
  }

  void on_end(std::size_t index) override {
    const auto bound = std::ranges::find(bound_, index);
    const bool was_bound = bound != bound_.end();
    if (was_bound) bound_.erase(bound);
    const UserId user = lines_[index]->identity().user;
    const bool others = std::ranges::any_of(
        bound_, [&](std::size_t other) { return lines_[other]->identity().user == user; });
    const auto gone = table_.unbind(lines_[index]->id());
    PARLEY_ASSERT(gone.has_value() == (was_bound && !others));
    PARLEY_ASSERT(!gone || *gone == user);
  }

  void notice() {
    const std::uint8_t what = byte();
    const auto device_class = static_cast<std::uint8_t>(1 + what / 8 % 2);
    const SessionIdentity who{UserId{1U + what % 2}, DeviceId{1U + what / 2 % 3},
                              Generation{byte() % 32U}, device_class};
    if (what >= 128) revoke(who);
    else replace(who);
  }

  void revoke(const SessionIdentity& who) {
    fences_.push_back({Errc::revoked, who, now_ + fences_keep});
    end(table_.revoked(who.user, who.device, who.generation, now_), Errc::revoked,
        [&](const SessionIdentity& other) {
          return other.device == who.device && other.generation <= who.generation;
        }, who.user, lines_max);
  }

  void replace(const SessionIdentity& who) {
    fences_.push_back({Errc::replaced, who, now_ + fences_keep});
    end(table_.replaced(who.user, who.device_class, who.generation, now_), Errc::replaced,
        [&](const SessionIdentity& other) {
          return other.device_class == who.device_class && other.generation < who.generation;
        }, who.user, lines_max);
  }

  // As the gateway fans out; notify() aborts if the session is not that of a user.
  void deliver() {
    const UserId user{1U + byte() % 3};
    const std::string body(input_.take(byte() % 64));
    std::vector<std::size_t> reached;
    table_.for_each(user, [&](ConnectionId id, DeviceId device) {
      SessionLine& line = *lines_[slot_of(id)];
      PARLEY_ASSERT(line.id() == id && line.identity().user == user);
      PARLEY_ASSERT(line.identity().device == device);
      line.notify(body, now_);
      reached.push_back(slot_of(id));
    });
    PARLEY_ASSERT(table_.is_present(user) == !reached.empty());
    for (const std::size_t index : bound_)
      PARLEY_ASSERT(std::ranges::count(reached, index) ==
                    (lines_[index]->identity().user == user ? 1 : 0));
  }

  // -- time and the gateway's own end

  void pass(Duration time) {
    now_ += time;
    for (const auto& line : lines_)
      if (line) line->pass(now_);
    table_.forget_expired(now_);
  }

  void rare() {
    const std::uint8_t what = byte();
    if (what < 64) bus_is_full_ = !bus_is_full_;
    else if (what < 200) pass(1s * (what - 63));
    else drain();
  }

  void drain() {
    is_draining_ = true;
    for (const auto& line : lines_)
      if (line) line->leave(now_);
  }

  void check() const {
    PARLEY_ASSERT(table_.sessions() == bound_.size());
    for (const auto& line : lines_)
      if (line) line->check();
    for (const std::size_t index : bound_) PARLEY_ASSERT(lines_[index]->phase() == Phase::user);
    for (const std::size_t a : bound_)
      for (const std::size_t b : bound_)
        PARLEY_ASSERT(a == b || lines_[a]->identity().user != lines_[b]->identity().user ||
                      lines_[a]->identity().device_class != lines_[b]->identity().device_class);
  }

  // The workers answer nothing any more: everybody goes all the same.
  void go() {
    drain();
    pass(rules_.idle);
    pass(rules_.closing);
    check();
    PARLEY_ASSERT(table_.sessions() == 0 && table_.users() == 0);
    for (const auto& line : lines_) PARLEY_ASSERT(!line || line->phase() == Phase::gone);
  }

  Input input_;
  Instant now_{std::chrono::hours(1)};
  SessionRules rules_;
  SessionTable table_;
  std::array<std::unique_ptr<SessionLine>, lines_max> lines_;
  std::vector<std::size_t> bound_;
  std::vector<Fence> fences_;
  std::vector<Pending> pending_;
  std::uint64_t connects_ = 0;
  std::uint32_t numbers_ = 0;
  bool bus_is_full_ = false;
  bool is_draining_ = false;
};

}  // namespace
}  // namespace parley::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  parley::fuzz::Script(data, size).run();
  return 0;
}
