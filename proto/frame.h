// A frame is what travels inside one record of the client's channel: a 16-byte header and a body.
// Bytes to values, no I/O. Layout and golden bytes: proto/README.md, tests/golden.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace parley {

enum class FrameKind : std::uint8_t {
  request = 1,  // client → server: verb, number, target, body
  reply = 2,    // server → client: verb and number of the request, its answer as body
  error = 3,    // server → client: the same, the body is an ErrorBody
  notice = 4,   // server → client: unasked; number is 0
  ping = 5,     // either side; answered by pong with the same number
  pong = 6,
  close = 7,  // last frame of a side; the body is an ErrorBody or empty. Makes truncation visible.
  rekey = 8,  // the sender's next record is under its next key; handled by Channel
};

struct FrameHeader {
  FrameKind kind = FrameKind::request;
  std::uint8_t flags = 0;    // none defined: 0 when sent; a receiver refuses others
  std::uint16_t verb = 0;    // verbs.def, or notices.def in a notice; 0 in ping, pong, close, rekey
  std::uint32_t number = 0;  // pairs replies with requests; chosen by the client, unique in flight
  std::uint64_t target = 0;  // what the verb is about, usually a conversation; 0 if nothing

  friend bool operator==(const FrameHeader&, const FrameHeader&) = default;
};

struct Frame {
  FrameHeader header;
  std::string_view body;  // into the buffer it was read from
};

// Appends the 16 bytes.
void encode(const FrameHeader& header, std::string& out);
// bad_frame: shorter than a header, unknown kind, flags set.
Result<Frame> decode_frame(std::string_view bytes);

}  // namespace parley
