#include "proto/frame.h"

#include "proto/bytes.h"
#include "proto/limits.h"

namespace parley {
namespace {

bool is_known(std::uint8_t kind) {
  return kind >= static_cast<std::uint8_t>(FrameKind::request) &&
         kind <= static_cast<std::uint8_t>(FrameKind::rekey);
}

}  // namespace

void encode(const FrameHeader& header, std::string& out) {
  append(out, static_cast<std::uint8_t>(header.kind));
  append(out, header.flags);
  append(out, header.verb);
  append(out, header.number);
  append(out, header.target);
}

Result<Frame> decode_frame(std::string_view bytes) {
  if (bytes.size() < limits::frame_header_bytes) return fail(Errc::bad_frame, "short frame");
  const auto kind = load<std::uint8_t>(bytes, 0);
  if (!is_known(kind)) return fail(Errc::bad_frame, "unknown kind of frame");
  FrameHeader header{.kind = static_cast<FrameKind>(kind),
                     .flags = load<std::uint8_t>(bytes, 1),
                     .verb = load<std::uint16_t>(bytes, 2),
                     .number = load<std::uint32_t>(bytes, 4),
                     .target = load<std::uint64_t>(bytes, 8)};
  if (header.flags != 0) return fail(Errc::bad_frame, "unknown flags");
  return Frame{header, bytes.substr(limits::frame_header_bytes)};
}

}  // namespace parley
