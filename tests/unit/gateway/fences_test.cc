#include "gateway/fences.h"

namespace parley::test {
namespace {

constexpr Instant start{100s};
constexpr UserId alice{1};
constexpr std::uint8_t pc = 1;

SessionIdentity identity(UserId user, std::uint64_t device, std::uint8_t device_class,
                         std::uint64_t generation) {
  return {user, DeviceId{device}, Generation{generation}, device_class};
}

TEST(Fences, AReplacementIsAgainstLowerGenerationsOfItsClass) {
  Fences fences;
  fences.replaced(alice, pc, Generation{5}, start);
  EXPECT_EQ(fences.against(identity(alice, 1, pc, 4), start), Errc::replaced);
  EXPECT_EQ(fences.against(identity(alice, 1, pc, 5), start), std::nullopt);
  EXPECT_EQ(fences.against(identity(alice, 1, 2, 4), start), std::nullopt);
  EXPECT_EQ(fences.against(identity(UserId{2}, 1, pc, 4), start), std::nullopt);
}

TEST(Fences, ARevocationIsAgainstItsGenerationToo) {
  Fences fences;
  fences.revoked(alice, DeviceId{9}, Generation{5}, start);
  EXPECT_EQ(fences.against(identity(alice, 9, pc, 5), start), Errc::revoked);
  EXPECT_EQ(fences.against(identity(alice, 9, pc, 6), start), std::nullopt);
  EXPECT_EQ(fences.against(identity(alice, 8, pc, 5), start), std::nullopt);
}

TEST(Fences, AreBounded) {
  Fences fences(10s, 100);
  for (std::uint64_t user = 1; user <= 1'000; ++user)
    fences.replaced(UserId{user}, pc, Generation{5}, start);
  EXPECT_EQ(fences.size(), 100U);
  EXPECT_EQ(fences.against(identity(UserId{1}, 1, pc, 1), start), std::nullopt);
  EXPECT_EQ(fences.against(identity(UserId{1'000}, 1, pc, 1), start), Errc::replaced);
  fences.forget_expired(start + 10s - 1ms);
  EXPECT_EQ(fences.size(), 100U);
  fences.forget_expired(start + 10s);
  EXPECT_EQ(fences.size(), 0U);
}

}  // namespace
}  // namespace parley::test
