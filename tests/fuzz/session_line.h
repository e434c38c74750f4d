// One session of a gateway with its client, and what must hold between the two, whatever is sent to either: a model
// that is told each input, predicts every answer from the table in gateway/session.h, and aborts when the session
// does anything else.
//
//  - a request is published, or answered with the error that the table says; what is published carries the
//    identity that the login's reply gave, and the body untouched
//  - a published request has exactly one answer: the worker's, or an error; nothing else is ever answered
//  - nothing is published, and no notice goes out, before login and after the end
//  - after bytes that are no record of the client's, nothing of that connection is believed any more
//  - a close frame is the last frame; every state has its deadline; what is held is bounded
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/session.h"
#include "tests/unit/gateway/channel_peer.h"

namespace parley::fuzz {

enum class Phase { greeting, anonymous, logging_in, user, closing, gone };

// What the gateway does with an action: the line asks for it.
class SessionOwner {
 public:
  virtual ~SessionOwner() = default;
  // False: the bus took it not, and the request was refused with retry_later.
  virtual bool on_publish(std::size_t line, const Session::Publish& publish) = 0;
  virtual void on_bind(std::size_t line, const SessionIdentity& identity) = 0;
  virtual void on_end(std::size_t line) = 0;
};

class SessionLine {
 public:
  // Without a rate every answer is known beforehand.
  SessionLine(std::size_t index, ConnectionId id, const SessionRules& rules, Instant now,
              SessionOwner& owner);

  // -- the client
  void greet(std::size_t cut, Instant now);
  // A frame; the last `withheld` of its bytes follow with the next.
  void say(const FrameHeader& header, std::string_view body, std::size_t withheld, Instant now);
  void say_broken(std::string bytes, Instant now);
  // A frame with one byte changed.
  void say_changed(const FrameHeader& header, std::size_t place, std::uint8_t by, Instant now);

  // -- the worker, the bus, the gateway, time
  void answer(const FrameHeader& request, const EnvelopeHeader& reply, std::string_view body,
              Instant now);
  void notify(std::string_view body, Instant now);
  void close(Errc reason, Instant now);
  void leave(Instant now);
  void pass(Instant now);

  void check() const;
  Phase phase() const { return phase_; }
  bool is_greeted() const { return client_.open(); }
  ConnectionId id() const { return session_.id(); }
  const SessionIdentity& identity() const { return identity_; }

 private:
  struct Said {
    FrameHeader header;
    std::string body;
  };

  void give(std::string bytes, Instant now);
  void expect_answers(Instant now);
  bool expect_answer(const Said& said, Instant now);
  bool expect_request(const Said& said);
  std::optional<Errc> objection(const Said& said) const;
  void expect_published(const Said& said, const VerbInfo& verb);
  void expect_error(const FrameHeader& request, Errc code);
  void expect_close(std::optional<Errc> reason, Instant now);
  void expect_cut(Errc reason);
  void expect_nothing_more();
  void expect_gone_if_left(Instant now);
  test::GotFrame next_frame();
  const test::GotFrame* peek();
  bool was_over_rate(const Said& said);
  bool is_out_of_patience();
  void read(const std::string& out) { client_.feed(out); }
  void ended(Phase phase, Instant now);
  Instant deadline() const;

  const std::size_t index_;
  const SessionRules& rules_;
  SessionOwner& owner_;
  GatewayCounts counts_;
  Session session_;
  test::ChannelPeer client_;

  Phase phase_ = Phase::greeting;
  Instant since_;           // connected; closing: since then
  Instant heard_;
  bool heard_at_all_ = false;
  bool is_leaving_ = false;
  bool is_broken_ = false;  // the client has sent what no client sends
  SessionIdentity identity_{};
  std::vector<std::uint32_t> unanswered_;
  std::string withheld_;
  std::deque<Said> said_;  // and not answered by the session yet
  // What the session did since the last input.
  struct Published {
    Session::Publish what;
    std::string body;
    bool taken;
  };
  std::deque<Published> published_;
  std::optional<Session::Close> closed_;
  std::optional<test::GotFrame> peeked_;
};

}  // namespace parley::fuzz
