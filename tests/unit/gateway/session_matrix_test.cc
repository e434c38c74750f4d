// Every verb in every state of a session, what it is answered with: one table. A verb that is added to
// verbs.def without a row here does not compile. (tests/e2e/bad_input/verbs_test.cc has it over sockets.)
#include <algorithm>
#include <array>

#include "gateway/connection_id.h"
#include "gateway/session.h"
#include "tests/unit/gateway/channel_peer.h"

namespace parley::test {
namespace {

enum class State {
  connected,      // no handshake yet: whatever comes is a hello, and no good one
  handshaken,
  logging_in,     // a login is under way
  ready,
  logged_out,     // and told so
  replaced,       // or revoked: the same
  leaving_login,  // the gateway drains, a login is under way
  leaving,        // the gateway drains, a request is unanswered
};
constexpr std::size_t states = 8;
constexpr std::array<const char*, states> state_names{"connected",     "handshaken", "logging in",
                                                      "ready",         "logged out", "replaced",
                                                      "leaving login", "leaving"};

enum class Outcome {
  carried,
  cut,       // the connection ends without a word
  not_read,  // it has ended already
  bad_request,
  unauthenticated,
  unsupported,
  going_away
};
constexpr auto done = Outcome::carried;
constexpr auto cut = Outcome::cut;
constexpr auto deaf = Outcome::not_read;
constexpr auto bad = Outcome::bad_request;
constexpr auto nobody = Outcome::unauthenticated;
constexpr auto never = Outcome::unsupported;
constexpr auto away = Outcome::going_away;

struct Row {
  Verb verb;
  std::array<Outcome, states> in;
};
// clang-format off
constexpr Row table[] = {
    // In the order of State.
    {Verb::login_register,     {cut   , done  , bad   , bad   , deaf  , deaf  , bad   , bad}},
    {Verb::login_password,     {cut   , done  , bad   , bad   , deaf  , deaf  , bad   , bad}},
    {Verb::login_token,        {cut   , done  , bad   , bad   , deaf  , deaf  , bad   , bad}},
    {Verb::login_resume,       {cut   , done  , bad   , bad   , deaf  , deaf  , bad   , bad}},
    {Verb::login_logout,       {cut   , nobody, nobody, done  , deaf  , deaf  , nobody, away}},
    {Verb::login_find,         {cut   , nobody, nobody, done  , deaf  , deaf  , nobody, away}},
    {Verb::c2c_send,           {cut   , nobody, nobody, done  , deaf  , deaf  , nobody, away}},
    {Verb::c2c_receipt,        {cut   , nobody, nobody, done  , deaf  , deaf  , nobody, away}},
    {Verb::c2c_pull,           {cut   , nobody, nobody, done  , deaf  , deaf  , nobody, away}},
    {Verb::c2c_history,        {cut   , nobody, nobody, done  , deaf  , deaf  , nobody, away}},
    {Verb::c2c_conversations,  {cut   , nobody, nobody, done  , deaf  , deaf  , nobody, away}},
    {Verb::push_publish,       {cut   , never , never , never , deaf  , deaf  , never , never}},
    {Verb::route_report,       {cut   , never , never , never , deaf  , deaf  , never , never}},
    {Verb::app_request,        {cut   , nobody, nobody, done  , deaf  , deaf  , nobody, away}},
    {Verb::event_subscribe,    {cut   , never , never , never , deaf  , deaf  , never , never}},
    {Verb::event_pull,         {cut   , never , never , never , deaf  , deaf  , never , never}},
    {Verb::event_unsubscribe,  {cut   , never , never , never , deaf  , deaf  , never , never}},
};
// clang-format on

constexpr bool has_row(Verb verb) {
  return std::ranges::count(table, verb, &Row::verb) == 1;
}
static_assert(std::ranges::all_of(verb_numbers, has_row), "each verb needs its row");
static_assert(std::size(table) == verb_numbers.size(), "and only verbs have one");

// A session that was brought into a state, and its client.
class Stage {
 public:
  explicit Stage(State state) {
    rules_.keys = {test_key()};
    rules_.new_ephemeral = [] {
      SecretKey secret;
      secure_random(secret);
      return secret;
    };
    rules_.frames.rate = {};
    session_.emplace(connection_id(1, 1), 42, rules_, counts_, now_);
    bring_to(state);
    while (client_.next()) {
    }
  }

  Outcome ask(Verb verb) {
    if (session_->is_closing()) return Outcome::not_read;
    const std::string request = client_.open() ? client_.request(verb, 99)
                                               : std::string(hello_bytes, static_cast<char>(verb));
    carried_ = false;
    send(request);
    if (carried_) return Outcome::carried;
    if (session_->is_closing()) return Outcome::cut;
    const auto frame = client_.next();
    PARLEY_ASSERT(frame && frame->header.kind == FrameKind::error && frame->header.number == 99);
    switch (static_cast<Errc>(frame->code())) {
      case Errc::bad_request: return Outcome::bad_request;
      case Errc::unauthenticated: return Outcome::unauthenticated;
      case Errc::unsupported: return Outcome::unsupported;
      case Errc::going_away: return Outcome::going_away;
      default: break;
    }
    ADD_FAILURE() << "an error that the table does not know: " << frame->code();
    return Outcome::cut;
  }

 private:
  void bring_to(State state) {
    if (state == State::connected) return;
    send(client_.hello());
    if (state == State::handshaken) return;
    send(client_.request(Verb::login_password, 1));
    if (state == State::leaving_login) leave();
    if (state == State::logging_in || state == State::leaving_login) return;
    answer(1, flag_binds_session);
    if (state == State::logged_out) {
      send(client_.request(Verb::login_logout, 2));
      answer(2, flag_ends_session);
    }
    std::string out;
    if (state == State::replaced) session_->close(Errc::replaced, 0, now_, out);
    if (state == State::leaving) {
      send(client_.request(Verb::login_find, 2));
      leave();
    }
  }
  void leave() {
    std::string out;
    session_->leave(1'000, now_, out);
  }
  void answer(std::uint32_t number, std::uint8_t flags) {
    EnvelopeHeader header;
    header.flags = flags;
    header.user = UserId{5};
    header.device = DeviceId{7};
    std::string out;
    session_->on_reply({.kind = FrameKind::request, .number = number}, header, {}, now_, out);
    client_.feed(out);
  }
  void send(std::string bytes) {
    std::string out;
    session_->receive(bytes);
    for (;;) {
      const auto action = session_->next(now_, out);
      if (std::holds_alternative<Session::Publish>(action)) carried_ = true;
      if (std::holds_alternative<Session::Nothing>(action) || session_->is_closing()) break;
    }
    client_.feed(out);
  }

  SessionRules rules_;
  GatewayCounts counts_;
  Instant now_{1000s};
  ChannelPeer client_;
  std::optional<Session> session_;
  bool carried_ = false;
};

TEST(SessionMatrix, HoldsForEveryVerbInEveryState) {
  for (const Row& row : table)
    for (std::size_t state = 0; state < states; ++state)
      EXPECT_EQ(Stage(static_cast<State>(state)).ask(row.verb), row.in[state])
          << verb_info(static_cast<std::uint16_t>(row.verb))->name << ", " << state_names[state];
}

}  // namespace
}  // namespace parley::test
