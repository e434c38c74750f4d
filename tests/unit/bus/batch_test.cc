#include "bus/batch.h"

namespace parley {
namespace {

std::string request(std::uint64_t number, std::string_view body) {
  return encode({.kind = EnvelopeKind::request, .id = {.number = number}}, body);
}

std::vector<std::string> unpacked(std::string_view message) {
  std::vector<std::string> all;
  EXPECT_TRUE(unpack(message, [&](std::string_view bytes) { all.emplace_back(bytes); }));
  return all;
}

// All in one message.
std::string packed(const std::vector<std::string>& envelopes) {
  std::string batch;
  auto next = envelopes.begin();
  const std::string message(pack(next, envelopes.end(), batch));
  EXPECT_EQ(next, envelopes.end());
  return message;
}

TEST(Batch, AnEnvelopeThatIsAloneTravelsAsItIs) {
  const std::vector<std::string> one{request(1, "a")};
  const std::string message = packed(one);
  EXPECT_EQ(message, one[0]);
  EXPECT_EQ(unpacked(message), one);
  std::vector<std::string> kept;
  EXPECT_TRUE(unpack(std::string(message), [&](std::string bytes) { kept.push_back(bytes); }));
  EXPECT_EQ(kept, one);
}

TEST(Batch, ManyTravelAsOneMessageAndInOrder) {
  std::vector<std::string> many;
  for (std::uint64_t i = 0; i < 100; ++i) many.push_back(request(i, std::string(i, 'x')));
  const std::string message = packed(many);
  EXPECT_EQ(unpacked(message), many);
  std::vector<std::string> kept;
  EXPECT_TRUE(unpack(std::string(message), [&](std::string bytes) { kept.push_back(bytes); }));
  EXPECT_EQ(kept, many);
}

TEST(Batch, ItEndsBeforeItIsTooLargeForTheBus) {
  const std::vector<std::string> many(10, request(1, std::string(20'000, 'x')));
  std::string batch;
  std::vector<std::string> received;
  for (auto next = many.begin(); next != many.end();) {
    const std::string_view message = pack(next, many.end(), batch);
    EXPECT_LE(message.size(), batch_bytes);
    for (std::string& envelope : unpacked(message)) received.push_back(std::move(envelope));
  }
  EXPECT_EQ(received, many);
}

TEST(Batch, TheLargestEnvelopeStillTravels) {
  const std::vector<std::string> two(
      2, request(1, std::string(limits::envelope_max - limits::envelope_header_bytes, 'x')));
  std::string batch;
  auto next = two.begin();
  EXPECT_EQ(pack(next, two.end(), batch), two[0]);
  EXPECT_EQ(next, two.begin() + 1);
}

TEST(Batch, EveryTruncationIsNoticedAndNothingIsReadBeyondIt) {
  const std::vector<std::string> two{request(1, "one"), request(2, "two")};
  const std::string message = packed(two);
  const std::size_t whole_first = limits::envelope_header_bytes + 4 + two[0].size();
  for (std::size_t size = limits::envelope_header_bytes + 1; size < message.size(); ++size) {
    std::size_t seen = 0;
    const bool whole = unpack(message.substr(0, size), [&](std::string_view) { ++seen; });
    EXPECT_EQ(whole, size == whole_first) << size;
    EXPECT_EQ(seen, size >= whole_first ? 1U : 0U) << size;
  }
}

TEST(Batch, ABatchWithinABatchIsRefused) {
  const std::vector<std::string> two{request(1, "one"), request(2, "two")};
  const std::string inner = packed(two);
  std::string message = encode({.kind = EnvelopeKind::batch}, {});
  append(message, static_cast<std::uint32_t>(inner.size()));
  message += inner;
  EXPECT_FALSE(unpack(message, [](std::string_view) { FAIL(); }));
}

TEST(Batch, ItsBytesArePinned) {
  const std::vector<std::string> two{request(1, "a"), request(2, "b")};
  const std::string message = packed(two);
  EXPECT_EQ(message.size(), 96U + 2 * (4 + 97));
  EXPECT_EQ(message.substr(0, 4), std::string("\x01\x28\x00\x00", 4));
  EXPECT_EQ(message.substr(96, 4), std::string("\x61\x00\x00\x00", 4));
  EXPECT_EQ(message.substr(100, 97), two[0]);
}

TEST(Batch, LargerThanAnyThatIsPackedIsRefused) {
  std::string message = encode(EnvelopeHeader{.kind = EnvelopeKind::batch}, {});
  const std::string ping = encode(EnvelopeHeader{.kind = EnvelopeKind::ping}, {});
  while (message.size() <= batch_bytes + limits::envelope_header_bytes) {
    append(message, static_cast<std::uint32_t>(ping.size()));
    message += ping;
  }
  std::size_t taken = 0;
  EXPECT_FALSE(unpack(message, [&](std::string_view) { ++taken; }));
  EXPECT_EQ(taken, 0U);
}

}  // namespace
}  // namespace parley
