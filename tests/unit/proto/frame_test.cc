#include "proto/frame.h"

#include <gtest/gtest.h>

#include "proto/limits.h"

namespace parley {
namespace {

constexpr FrameHeader sample{FrameKind::reply, 0, 0x0203, 0xA1B2C3D4, 0x0102030405060708};

std::string encoded(const FrameHeader& header, std::string_view body = {}) {
  std::string bytes;
  encode(header, bytes);
  return bytes.append(body);
}

TEST(FrameDecoder, GivesBackHeaderAndBody) {
  const std::string bytes = encoded(sample, "body");
  ASSERT_EQ(bytes.size(), limits::frame_header_bytes + 4);
  const auto frame = decode_frame(bytes);
  ASSERT_TRUE(frame);
  EXPECT_EQ(frame->header, sample);
  EXPECT_EQ(frame->body, "body");
  EXPECT_EQ(frame->body.data(), bytes.data() + limits::frame_header_bytes) << "looks, not copies";
}

TEST(FrameDecoder, RefusesEveryTruncationOfTheHeader) {
  const std::string bytes = encoded(sample);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const auto frame = decode_frame(std::string_view(bytes).substr(0, size));
    ASSERT_FALSE(frame) << size;
    EXPECT_EQ(frame.error().code, Errc::bad_frame);
  }
}

TEST(FrameDecoder, KnowsEightKindsAndRefusesTheOther248) {
  for (int kind = 0; kind < 256; ++kind) {
    std::string bytes = encoded(sample);
    bytes[0] = static_cast<char>(kind);
    EXPECT_EQ(decode_frame(bytes).has_value(), kind >= 1 && kind <= 8) << kind;
  }
}

TEST(FrameDecoder, RefusesEveryFlag) {
  for (int bit = 0; bit < 8; ++bit) {
    std::string bytes = encoded(sample);
    bytes[1] = static_cast<char>(1 << bit);
    EXPECT_FALSE(decode_frame(bytes)) << bit;
  }
}

}  // namespace
}  // namespace parley
