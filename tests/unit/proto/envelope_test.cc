#include "proto/envelope.h"

#include <gtest/gtest.h>

#include <set>
#include <unordered_set>

#include "proto/limits.h"

namespace parley {
namespace {

const EnvelopeHeader sample{.kind = EnvelopeKind::reply,
                            .verb = 0x0201,
                            .error = 21,
                            .attempt = 2,
                            .flags = flag_binds_session,
                            .key = 0x1111,
                            .id = {InstanceId{0x2222}, BootId{0x3333}, 0x4444},
                            .user = UserId{0x5555},
                            .device = DeviceId{0x6666},
                            .generation = Generation{0x7777},
                            .target = 0x8888,
                            .origin = 0x9999,
                            .trace = 0xAAAA,
                            .ttl_ms = 0xBBBB,
                            .retry_after_ms = 0xCCCC};

TEST(EnvelopeDecoder, GivesBackHeaderAndBody) {
  const std::string bytes = encode(sample, "body");
  ASSERT_EQ(bytes.size(), limits::envelope_header_bytes + 4);
  const auto envelope = decode_envelope(bytes);
  ASSERT_TRUE(envelope);
  EXPECT_EQ(envelope->header, sample);
  EXPECT_EQ(envelope->body, "body");
}

TEST(EnvelopeDecoder, RefusesEveryTruncationOfTheHeader) {
  const std::string bytes = encode(sample, {});
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const auto envelope = decode_envelope(std::string_view(bytes).substr(0, size));
    ASSERT_FALSE(envelope) << size;
    EXPECT_EQ(envelope.error().code, Errc::bad_frame);
  }
}

TEST(EnvelopeDecoder, RefusesOtherVersions) {
  for (int version = 0; version < 256; ++version) {
    std::string bytes = encode(sample, {});
    bytes[0] = static_cast<char>(version);
    EXPECT_EQ(decode_envelope(bytes).has_value(), version == envelope_version) << version;
  }
}

TEST(EnvelopeDecoder, RefusesKindsThatNobodyDefined) {
  const std::set<int> known{1,  2,  3,  8,  9,  16, 17, 18, 32, 33,
                            34, 35, 40, 48, 49, 50, 51, 52, 53};
  for (int kind = 0; kind < 256; ++kind) {
    std::string bytes = encode(sample, {});
    bytes[1] = static_cast<char>(kind);
    EXPECT_EQ(decode_envelope(bytes).has_value(), known.contains(kind)) << kind;
  }
}

TEST(EnvelopeDecoder, TakesTheLargestAndRefusesOneByteMore) {
  const std::string body(limits::envelope_max - limits::envelope_header_bytes, 'b');
  std::string bytes = encode(sample, body);
  EXPECT_TRUE(decode_envelope(bytes));
  bytes += 'b';
  EXPECT_FALSE(decode_envelope(bytes));
}

TEST(EncodedEnvelope, IsChangedInPlaceInAttemptAndTimeOnly) {
  std::string bytes = encode(sample, "body");
  set_attempt(bytes, 3);
  set_ttl_ms(bytes, 123'456);
  EnvelopeHeader expected = sample;
  expected.attempt = 3;
  expected.ttl_ms = 123'456;
  EXPECT_EQ(bytes, encode(expected, "body"));
}

TEST(InstanceName, BecomesItsFnv1aHashAndNeverZero) {
  EXPECT_EQ(instance_id("").value, 0xCBF29CE484222325ULL);  // the published offset basis
  EXPECT_EQ(instance_id("a").value, 0xAF63DC4C8601EC8CULL);  // the published value for "a"
  EXPECT_NE(instance_id("gateway-1"), instance_id("gateway-2"));
  // FNV-1a of these bytes is 0: the published "zero hash" of 64 bits.
  EXPECT_EQ(instance_id("\xd5\x6b\xb9\x53\x42\x87\x08\x36").value, 1U);
}

TEST(RequestIds, OfOneGatewaysLifeDoNotCollideInTheHash) {
  std::unordered_set<std::size_t> hashes;
  for (std::uint64_t number = 0; number < 1000; ++number)
    hashes.insert(std::hash<RequestId>{}({InstanceId{1}, BootId{2}, number}));
  EXPECT_EQ(hashes.size(), 1000U);
}

}  // namespace
}  // namespace parley
