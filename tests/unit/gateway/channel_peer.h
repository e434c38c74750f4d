// The client's end of a channel for tests: makes the bytes a client would send and reads those it gets.
#pragma once

#include <deque>
#include <optional>
#include <string>

#include "base/assert.h"
#include "base/random.h"
#include "proto/channel.h"
#include "proto/common.pb.h"
#include "proto/limits.h"
#include "proto/verbs.h"

namespace parley::test {

struct GotFrame {
  FrameHeader header;
  std::string body;

  // Of an error or close frame; 0 if it carries none.
  std::uint32_t code() const { return parsed().code(); }
  std::uint32_t retry_after_ms() const { return parsed().retry_after_ms(); }

 private:
  wire::ErrorBody parsed() const {
    wire::ErrorBody parsed;
    PARLEY_ASSERT(parsed.ParseFromString(body));
    return parsed;
  }
};

inline const ServerKey& test_key() {
  static const ServerKey key = [] {
    init_crypto();
    return generate_server_key(7);
  }();
  return key;
}

class ChannelPeer {
 public:
  explicit ChannelPeer(const ServerKey& key = test_key())
      : initiator_(*Initiator::start({key.id, key.public_key}, Transport::tcp, chance())) {}

  std::string hello() const { return initiator_.hello(); }
  std::string frame(const FrameHeader& header, std::string_view body = {}) {
    return frame_at(monotonic_now(), header, body);
  }
  // After a rekey record, if one is due by then.
  std::string frame_at(Instant now, const FrameHeader& header, std::string_view body = {}) {
    std::string out;
    channel_->seal(header, body, out, now);
    return out;
  }
  std::string request(Verb verb, std::uint32_t number, std::string_view body = {},
                      std::uint64_t target = 0) {
    return frame({.kind = FrameKind::request,
                  .verb = static_cast<std::uint16_t>(verb),
                  .number = number,
                  .target = target},
                 body);
  }
  std::string ping(std::uint32_t number) {
    return frame({.kind = FrameKind::ping, .number = number});
  }

  // Bytes from the server, in any pieces.
  void feed(std::string_view bytes) {
    received_.append(bytes);
    if (!channel_ && received_.size() >= answer_bytes) {
      auto channel = initiator_.finish(received_.substr(0, answer_bytes), monotonic_now());
      PARLEY_ASSERT(channel.has_value());
      channel_.emplace(std::move(*channel));
      received_.erase(0, answer_bytes);
    }
    while (channel_ && open_one()) {
    }
  }
  bool open() const { return channel_.has_value(); }

  std::size_t waiting() const { return frames_.size(); }
  // The next frame; nothing if there is none.
  std::optional<GotFrame> next() {
    if (frames_.empty()) return std::nullopt;
    GotFrame frame = std::move(frames_.front());
    frames_.pop_front();
    return frame;
  }

 private:
  static SecretKey chance() {
    SecretKey secret;
    secure_random(secret);
    return secret;
  }
  bool open_one() {
    const auto length = record_length(received_, limits::record_max);
    PARLEY_ASSERT(length.has_value());
    if (!*length || received_.size() < limits::record_prefix_bytes + **length) return false;
    std::string sealed = received_.substr(limits::record_prefix_bytes, **length);
    received_.erase(0, limits::record_prefix_bytes + **length);
    const auto frame = channel_->open(sealed);
    PARLEY_ASSERT(frame.has_value());
    if (*frame) frames_.push_back({(*frame)->header, std::string((*frame)->body)});
    return true;
  }

  Initiator initiator_;
  std::optional<Channel> channel_;
  std::string received_;
  std::deque<GotFrame> frames_;
};

}  // namespace parley::test
