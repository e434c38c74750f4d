// The envelope's bytes as bus/README.md has them: each field at its offset, little-endian.
#include "proto/envelope.h"

#include <gtest/gtest.h>

#include <string>

#include "proto/limits.h"

namespace parley {
namespace {

std::string hex(std::string_view bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  for (const char c : bytes) {
    out += digits[static_cast<std::uint8_t>(c) >> 4];
    out += digits[static_cast<std::uint8_t>(c) & 15];
  }
  return out;
}

const EnvelopeHeader sample{.kind = EnvelopeKind::request,
                            .verb = 0x0201,
                            .error = 0x0304,
                            .attempt = 5,
                            .flags = 6,
                            .key = 0x1011121314151617,
                            .id = {.gateway = InstanceId{0x2021222324252627},
                                   .boot = BootId{0x3031323334353637},
                                   .number = 0x4041424344454647},
                            .user = UserId{0x5051525354555657},
                            .device = DeviceId{0x6061626364656667},
                            .generation = Generation{0x7071727374757677},
                            .target = 0x8081828384858687,
                            .origin = 0x9091929394959697,
                            .trace = 0xa0a1a2a3a4a5a6a7,
                            .ttl_ms = 0xb0b1b2b3,
                            .retry_after_ms = 0xc0c1c2c3};

TEST(EnvelopeBytes, AreWhatTheTableSays) {
  EXPECT_EQ(hex(encode(sample, "body")),
            "01"                // version
            "20"                // kind
            "0102"              // verb
            "0403"              // error
            "05"                // attempt
            "06"                // flags
            "1716151413121110"  // key
            "2726252423222120"  // id.gateway
            "3736353433323130"  // id.boot
            "4746454443424140"  // id.number
            "5756555453525150"  // user
            "6766656463626160"  // device
            "7776757473727170"  // generation
            "8786858483828180"  // target
            "9796959493929190"  // origin
            "a7a6a5a4a3a2a1a0"  // trace
            "b3b2b1b0"          // ttl_ms
            "c3c2c1c0"          // retry_after_ms
            "626f6479");
}

TEST(EnvelopeBytes, ComeBackAsTheSameValues) {
  const std::string bytes = encode(sample, "body");
  const auto decoded = decode_envelope(bytes);
  ASSERT_TRUE(decoded.has_value());
  EXPECT_EQ(decoded->header, sample);
  EXPECT_EQ(decoded->body, "body");
}

TEST(EnvelopeBytes, ChangeOnTheWayInTwoFieldsOnly) {
  std::string bytes = encode(sample, "body");
  set_attempt(bytes, 9);
  set_ttl_ms(bytes, 1);
  EnvelopeHeader expected = sample;
  expected.attempt = 9;
  expected.ttl_ms = 1;
  EXPECT_EQ(decode_envelope(bytes)->header, expected);
  EXPECT_EQ(decode_envelope(bytes)->body, "body");
}

TEST(EnvelopeBytes, AreRefusedWhenShortLongOrForeign) {
  std::string bytes = encode(sample, "");
  EXPECT_FALSE(decode_envelope(std::string_view(bytes).substr(0, 95)).has_value());
  EXPECT_FALSE(decode_envelope(std::string(limits::envelope_max + 1, '\1')).has_value());
  bytes[0] = 2;
  EXPECT_FALSE(decode_envelope(bytes).has_value());
  bytes[0] = 1;
  bytes[1] = 0;
  EXPECT_FALSE(decode_envelope(bytes).has_value());
}

}  // namespace
}  // namespace parley
