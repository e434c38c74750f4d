#include "perf/load/channel_peer.h"

#include <algorithm>

#include "base/assert.h"
#include "base/random.h"
#include "proto/common.pb.h"
#include "proto/limits.h"
#include "proto/login.pb.h"

namespace parley::perf {
namespace {

std::string token_login(const LoadAccount& account) {
  wire::TokenRequest request;
  request.set_access_token(account.access_token);
  request.mutable_device()->set_id(account.device.value);
  request.mutable_device()->set_device_class(wire::DEVICE_CLASS_PC);
  return request.SerializeAsString();
}

std::string error_name(std::string_view body) {
  wire::ErrorBody error;
  if (!error.ParseFromArray(body.data(), static_cast<int>(body.size()))) return "unreadable error";
  const auto code = errc_from(static_cast<std::uint16_t>(error.code()));
  return code ? std::string(name_of(*code)) : "error " + std::to_string(error.code());
}

}  // namespace

std::string_view ChannelPeer::why_lost() const {
  const auto* lost = std::get_if<Lost>(&state_);
  return lost ? std::string_view(lost->why) : std::string_view();
}

Channel* ChannelPeer::channel() {
  if (auto* ready = std::get_if<Ready>(&state_)) return &ready->channel;
  if (auto* logging_in = std::get_if<LoggingIn>(&state_)) return &logging_in->channel;
  return nullptr;
}

void ChannelPeer::on_open(Instant) {
  SecretKey ephemeral;
  secure_random(ephemeral);
  auto initiator = Initiator::start(pin_, Transport::tcp, ephemeral);
  if (!initiator) return lose("unusable pin");
  out() += initiator->hello();
  state_ = Shaking{*std::move(initiator)};
}

std::size_t ChannelPeer::on_bytes(std::span<char> bytes, Instant now) {
  std::size_t used = 0;
  if (std::holds_alternative<Shaking>(state_)) {
    used = on_answer(bytes, now);
    if (used == 0) return 0;
  }
  return used + on_records(bytes.subspan(used), now);
}

std::size_t ChannelPeer::on_answer(std::span<char> bytes, Instant now) {
  if (bytes.size() < answer_bytes) return 0;
  auto opened = std::get<Shaking>(state_).initiator.finish({bytes.data(), answer_bytes}, now);
  if (!opened) {
    lose("the server does not hold the pinned key");
    return answer_bytes;
  }
  state_ = LoggingIn{*std::move(opened)};
  const FrameHeader login{.kind = FrameKind::request,
                          .verb = static_cast<std::uint16_t>(Verb::login_token),
                          .number = 0xFFFF'FFFF};
  channel()->seal(login, token_login(account_), out(), now);
  loop_.write_later(*this);
  return answer_bytes;
}

std::size_t ChannelPeer::on_records(std::span<char> bytes, Instant now) {
  std::size_t used = 0;
  while (Channel* open = channel()) {
    const std::string_view rest{bytes.data() + used, bytes.size() - used};
    const auto length = record_length(rest, limits::record_max);
    if (!length) {
      lose("bad record");
      break;
    }
    if (!*length || rest.size() < limits::record_prefix_bytes + **length) break;
    auto frame = open->open(bytes.subspan(used + limits::record_prefix_bytes, **length));
    used += limits::record_prefix_bytes + **length;
    if (!frame) {
      lose("a record that does not open");
      break;
    }
    if (!*frame) continue;
    if (is_ready())
      on_frame(**frame, now);
    else
      on_login_frame(**frame, now);
  }
  return channel() ? used : bytes.size();
}

void ChannelPeer::on_login_frame(const Frame& frame, Instant now) {
  if (frame.header.kind != FrameKind::reply) return lose("login: " + error_name(frame.body));
  // Moved out first: assigning to the variant destroys what it holds.
  Channel logged_in = std::move(std::get<LoggingIn>(state_).channel);
  state_ = Ready{std::move(logged_in)};
  on_ready(now);
}

void ChannelPeer::send_frame(const FrameHeader& header, std::string_view body, Instant now) {
  std::get<Ready>(state_).channel.seal(header, body, out(), now);
  loop_.write_later(*this);
}

void ChannelPeer::ping(Instant now) { send_frame({.kind = FrameKind::ping, .number = 1}, {}, now); }

void ChannelPeer::hang_up(Instant now) {
  if (is_ready()) send_frame({.kind = FrameKind::close}, {}, now);
}

void ChannelPeer::lose(const std::string& why) {
  loop_.close(*this);
  state_ = Lost{why};
}

}  // namespace parley::perf
