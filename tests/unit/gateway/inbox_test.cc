#include "gateway/inbox.h"

#include "base/random.h"
#include "proto/bytes.h"
#include "proto/limits.h"

namespace parley::test {
namespace {

std::string record(std::size_t size, char fill) {
  std::string bytes;
  append(bytes, static_cast<std::uint16_t>(size));
  return bytes + std::string(size, fill);
}

// Everything that comes out when `stream` comes in pieces of random length.
std::vector<std::string> cut(const std::string& stream, Random& random, std::size_t piece_max) {
  Inbox inbox;
  std::vector<std::string> records;
  for (std::size_t at = 0; at < stream.size();) {
    std::string piece = stream.substr(at, random.below(piece_max) + 1);
    at += piece.size();
    inbox.receive(piece);
    for (;;) {
      const auto unit = inbox.take_record(limits::record_max);
      EXPECT_TRUE(unit.has_value());
      if (!unit || !*unit) break;
      records.emplace_back((*unit)->data(), (*unit)->size());
    }
  }
  EXPECT_TRUE(inbox.empty());
  EXPECT_EQ(inbox.held_bytes(), 0U);
  return records;
}

TEST(Inbox, WhereAStreamIsCutMakesNoDifference) {
  Random random(7);
  std::string stream;
  std::vector<std::string> expected;
  for (int i = 0; i < 200; ++i) {
    const std::size_t size = 32 + random.below(i % 10 == 0 ? 60'000 : 200);
    stream += record(size, static_cast<char>('a' + i % 26));
    expected.push_back(stream.substr(stream.size() - size));
  }
  for (const std::size_t piece_max : {1UL, 2UL, 3UL, 33UL, 1'460UL, 65'536UL, 1'000'000UL})
    EXPECT_EQ(cut(stream, random, piece_max), expected) << piece_max;
}

TEST(Inbox, WholeUnitsAreNotCopied) {
  Inbox inbox;
  std::string piece = record(40, 'x') + record(50, 'y');
  inbox.receive(piece);
  const auto first = inbox.take_record(1'000);
  EXPECT_EQ((*first)->data(), piece.data() + 2);
  const auto second = inbox.take_record(1'000);
  EXPECT_EQ((*second)->data(), piece.data() + 44);
}

TEST(Inbox, AUnitThatWasSplitIsHandedOutOnce) {
  Inbox inbox;
  std::string start = "ab";
  std::string rest = "cdefgh";
  inbox.receive(start);
  EXPECT_EQ(inbox.take(4), std::nullopt);
  inbox.receive(rest);
  const auto text = [](const auto& unit) { return std::string(unit->data(), unit->size()); };
  EXPECT_EQ(text(inbox.take(4)), "abcd");
  EXPECT_EQ(text(inbox.take(4)), "efgh");
  EXPECT_EQ(inbox.take(4), std::nullopt);
  EXPECT_TRUE(inbox.empty());
}

TEST(Inbox, ALengthAboveTheBoundIsRefusedAsSoonAsItIsKnown) {
  Inbox inbox;
  std::string piece = record(101, 'x').substr(0, 2);
  inbox.receive(piece);
  EXPECT_FALSE(inbox.take_record(100).has_value());
}

}  // namespace
}  // namespace parley::test
