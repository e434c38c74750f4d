// Against a published vector (cacophony, and the same values in snow): neither our code nor our reading
// of the specification made these numbers.
#include "proto/noise.h"

#include <gtest/gtest.h>

#include "tests/unit/proto/hex.h"

namespace parley {
namespace {

using test::array_of;
using test::hex;
using test::unhex;

constexpr auto prologue = "4a6f686e2047616c74";
constexpr auto initiator_ephemeral =
    "893e28b9dc6ca8d611ab664754b8ceb7bac5117349a4439a6b0569da977c464a";
constexpr auto responder_static_public =
    "31e0303fd6418d2f8c0e78b91f22e8caed0fbe48656dcf4767e4834f701b8f62";
constexpr auto responder_static_secret =
    "4a3acbfdb163dec651dfa3194dece676d437029c62a408b4c5ea9114246e4893";
constexpr auto responder_ephemeral =
    "bbdb4cdbd309f1a1f2e1456967fe288cadd6f712d65dc7b7793d5e63da6b375b";
constexpr auto handshake_hash =
    "f87aa4eb6416e5b0d2b6e6f0b7bc41f3c5986a5d32d55c08d67cbd412f3ec2fa"
    "04d8e358ab95b3bbfab054a140a98eccf4284bb6309b600981d451ecac484932";
constexpr auto payload_1 = "4c756477696720766f6e204d69736573";
constexpr auto message_1 =
    "ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c7944"
    "f3041e39b0c8ba56008f2d1183fea6ac83564ead0267b0842ec4c521ed1e1407";
constexpr auto payload_2 = "4d757272617920526f746862617264";
constexpr auto message_2 =
    "95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f144808843"
    "2281dcc1835131f305dca14525e15e27d1f32294aa835e40fc18be480c1db9";

struct Line {
  const char* payload;
  const char* sealed;
};
// They alternate, beginning with the initiator.
constexpr Line transport_messages[] = {
    {"462e20412e20486179656b", "357e24e9f28ba22080666f7efacc01b2a0a4e358e742aeeff2aaf5"},
    {"4361726c204d656e676572", "8b23b34ff3169de06a39551e969ca7876cc5122a4acff74bf2ec29"},
    {"4a65616e2d426170746973746520536179",
     "5c104779b6f36e59fca73ed94b0ae092eae1d76dd109caf5060aaaedba385d7076"},
    {"457567656e2042f6686d20766f6e2042617765726b",
     "34ae0518d0cd3aa641ed372ea94935ceecd87f8c4b422ce21a33d3f6f5493891e3e915d83f"},
};

class PublishedVector : public testing::Test {
 protected:
  PublishedVector() { noise::init(); }
  noise::State begin() const {
    return noise::begin(unhex(prologue), array_of<32>(responder_static_public));
  }
};

std::string sealed(const noise::Key& key, std::uint64_t nonce, std::string bytes) {
  char tag[noise::tag_bytes];
  noise::seal(key, nonce, bytes, tag);
  return bytes.append(tag, sizeof tag);
}

void expect_transport_messages(const noise::TransportKeys& keys) {
  for (std::uint64_t i = 0; i < std::size(transport_messages); ++i) {
    const auto& key = i % 2 == 0 ? keys.to_responder : keys.to_initiator;
    const auto& [payload, expected] = transport_messages[i];
    std::string bytes = unhex(expected);
    EXPECT_EQ(hex(sealed(key, i / 2, unhex(payload))), expected);
    const std::size_t size = bytes.size() - noise::tag_bytes;
    EXPECT_TRUE(noise::open(key, i / 2, {bytes.data(), size}, bytes.data() + size));
    EXPECT_EQ(hex(bytes.substr(0, size)), payload);
  }
}

TEST_F(PublishedVector, StaticKeyBelongsToItsSecret) {
  EXPECT_EQ(hex(noise::public_key(array_of<32>(responder_static_secret))), responder_static_public);
}

TEST_F(PublishedVector, IsReproducedByTheInitiator) {
  noise::State state = begin();
  std::string out;
  ASSERT_TRUE(noise::write_first(state, array_of<32>(responder_static_public),
                                 array_of<32>(initiator_ephemeral), unhex(payload_1), out));
  EXPECT_EQ(hex(out), message_1);
  const auto payload =
      noise::read_second(state, array_of<32>(initiator_ephemeral), unhex(message_2));
  ASSERT_TRUE(payload);
  EXPECT_EQ(hex(*payload), payload_2);
  EXPECT_EQ(hex(state.hash), handshake_hash);
  expect_transport_messages(noise::split(state));
}

TEST_F(PublishedVector, IsReproducedByTheResponder) {
  noise::State state = begin();
  const auto first =
      noise::read_first(state, array_of<32>(responder_static_secret), unhex(message_1));
  ASSERT_TRUE(first);
  EXPECT_EQ(hex(first->payload), payload_1);
  std::string out;
  ASSERT_TRUE(noise::write_second(state, first->remote_ephemeral,
                                  array_of<32>(responder_ephemeral), unhex(payload_2), out));
  EXPECT_EQ(hex(out), message_2);
  EXPECT_EQ(hex(state.hash), handshake_hash);
  expect_transport_messages(noise::split(state));
}

}  // namespace
}  // namespace parley
