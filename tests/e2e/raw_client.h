// A client that says whatever a test wants, frame by frame, over the real encrypted channel.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "client/connection.h"
#include "client/sync_client.h"
#include "client/wire.h"
#include "proto/verbs.h"
#include "tests/e2e/people.h"

namespace parley::test {

class RawClient : private client::Connection::Handler {
 public:
  explicit RawClient(World& world) : world_(world), connection_(world.network, *this) {}

  bool connect() {
    connection_.open(world_.session.gateways.front(), world_.server);
    return wait([this] { return is_open_ || closed_; }) && is_open_;
  }

  // The reply's body, or the error that was answered. disconnected: neither came.
  Result<std::string> ask(std::uint16_t verb, std::uint64_t target, const std::string& body) {
    const std::uint32_t number = ++last_number_;
    connection_.send({.kind = FrameKind::request, .verb = verb, .number = number, .target = target},
                     body);
    wait([&] { return answers_.contains(number) || closed_; });
    if (!answers_.contains(number)) return fail(Errc::disconnected, "no answer");
    return answers_.at(number);
  }
  Result<std::string> ask(Verb verb, std::uint64_t target, const std::string& body) {
    return ask(static_cast<std::uint16_t>(verb), target, body);
  }

  void write_unsealed(const std::string& bytes) { connection_.write_unsealed(bytes); }
  // Why the server has closed: its close frame's error, or how the connection was lost.
  std::optional<Errc> wait_for_close() {
    wait([this] { return closed_.has_value(); });
    return close_frame_ ? close_frame_ : closed_;
  }

 private:
  bool wait(const std::function<bool()>& condition) {
    return client::run_until(world_.loop, soon, condition);
  }
  void on_open() override { is_open_ = true; }
  void on_closed(const Error& why) override { closed_ = why.code; }
  void on_frame(const Frame& frame) override {
    namespace wire = client::wire_format;
    const FrameHeader& header = frame.header;
    if (header.kind == FrameKind::reply)
      answers_.emplace(header.number, std::string(frame.body));
    if (header.kind == FrameKind::error)
      answers_.emplace(header.number,
                       tl::unexpected(wire::decode_error(frame.body, Errc::internal)));
    if (header.kind == FrameKind::close)
      close_frame_ = wire::decode_error(frame.body, Errc::disconnected).code;
  }

  World& world_;
  client::Connection connection_;
  bool is_open_ = false;
  std::optional<Errc> closed_;
  std::optional<Errc> close_frame_;
  std::map<std::uint32_t, Result<std::string>> answers_;
  std::uint32_t last_number_ = 0;
};

}  // namespace parley::test
