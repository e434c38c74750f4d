#include "gateway/session_table.h"

namespace parley::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

constexpr Instant start{100s};
constexpr UserId alice{1};
constexpr UserId bob{2};
constexpr std::uint8_t pc = 1;
constexpr std::uint8_t mobile = 2;

SessionIdentity identity(UserId user, std::uint64_t device, std::uint8_t device_class,
                         std::uint64_t generation) {
  return {user, DeviceId{device}, Generation{generation}, device_class};
}

std::vector<std::uint64_t> devices(const SessionTable& table, UserId user) {
  std::vector<std::uint64_t> devices;
  table.for_each(user, [&](ConnectionId, DeviceId device) { devices.push_back(device.value); });
  return devices;
}

constexpr ConnectionId c1 = connection_id(1, 0);
constexpr ConnectionId c2 = connection_id(2, 1);
constexpr ConnectionId c3 = connection_id(3, 2);

TEST(SessionTable, AUserIsPresentFromTheFirstSessionToTheLast) {
  SessionTable table;
  EXPECT_TRUE(table.bind(c1, identity(alice, 10, pc, 1), start).first);
  EXPECT_FALSE(table.bind(c2, identity(alice, 20, mobile, 2), start).first);
  EXPECT_TRUE(table.bind(c3, identity(bob, 30, pc, 1), start).first);
  EXPECT_THAT(devices(table, alice), UnorderedElementsAre(10, 20));
  EXPECT_THAT(devices(table, bob), ElementsAre(30));
  EXPECT_EQ(table.unbind(c1), std::nullopt);
  EXPECT_TRUE(table.is_present(alice));
  EXPECT_EQ(table.unbind(c2), alice);
  EXPECT_FALSE(table.is_present(alice));
  EXPECT_EQ(table.sessions(), 1U);
  EXPECT_EQ(table.users(), 1U);
}

TEST(SessionTable, UnbindingTwiceOrANeverBoundOneIsNothing) {
  SessionTable table;
  table.bind(c1, identity(alice, 10, pc, 1), start);
  EXPECT_EQ(table.unbind(c2), std::nullopt);
  EXPECT_EQ(table.unbind(connection_id(99, 0)), std::nullopt) << "the slot's former owner";
  EXPECT_EQ(table.unbind(c1), alice);
  EXPECT_EQ(table.unbind(c1), std::nullopt);
}

TEST(SessionTable, ANewLoginOfTheSameClassDisplacesTheOlder) {
  SessionTable table;
  table.bind(c1, identity(alice, 10, pc, 1), start);
  const auto bound = table.bind(c2, identity(alice, 20, pc, 2), start);
  EXPECT_THAT(bound.displaced, ElementsAre(c1));
  EXPECT_FALSE(bound.first);
  EXPECT_EQ(table.unbind(c1), std::nullopt) << "the user never went away";
  EXPECT_THAT(devices(table, alice), ElementsAre(20));
}

TEST(SessionTable, AnOlderLoginThatArrivesLateIsNotBound) {
  SessionTable table;
  table.bind(c2, identity(alice, 20, pc, 2), start);
  const auto bound = table.bind(c1, identity(alice, 10, pc, 1), start);
  EXPECT_EQ(bound.ended, Errc::replaced);
  EXPECT_THAT(bound.displaced, IsEmpty());
  EXPECT_THAT(devices(table, alice), ElementsAre(20));
}

TEST(SessionTable, ReplacedClosesOlderSessionsOfThatClassOnly) {
  SessionTable table;
  table.bind(c1, identity(alice, 10, pc, 3), start);
  table.bind(c2, identity(alice, 20, mobile, 1), start);
  table.bind(c3, identity(bob, 30, pc, 1), start);
  EXPECT_THAT(table.replaced(alice, pc, Generation{3}, start), IsEmpty()) << "its own generation";
  EXPECT_THAT(table.replaced(alice, pc, Generation{4}, start), ElementsAre(c1));
}

TEST(SessionTable, RevokedClosesTheDeviceUpToItsGeneration) {
  SessionTable table;
  table.bind(c1, identity(alice, 10, pc, 3), start);
  table.bind(c2, identity(alice, 20, mobile, 2), start);
  EXPECT_THAT(table.revoked(alice, DeviceId{10}, Generation{2}, start), IsEmpty());
  EXPECT_THAT(table.revoked(alice, DeviceId{10}, Generation{3}, start), ElementsAre(c1));
}

TEST(SessionTable, ANoticeThatOvertookTheLoginStillHolds) {
  SessionTable table;
  table.replaced(alice, pc, Generation{5}, start);
  table.revoked(alice, DeviceId{20}, Generation{7}, start);
  EXPECT_EQ(table.bind(c1, identity(alice, 10, pc, 4), start + 1s).ended, Errc::replaced);
  EXPECT_EQ(table.bind(c1, identity(alice, 20, mobile, 7), start + 1s).ended, Errc::revoked);
  EXPECT_FALSE(table.is_present(alice));
  EXPECT_EQ(table.bind(c1, identity(alice, 10, pc, 5), start + 1s).ended, std::nullopt);
  EXPECT_EQ(table.bind(c2, identity(alice, 20, mobile, 8), start + 1s).ended, std::nullopt);
}

TEST(SessionTable, AFenceIsForgottenAfterAWhile) {
  SessionTable table;
  table.replaced(alice, pc, Generation{5}, start);
  EXPECT_EQ(table.bind(c1, identity(alice, 10, pc, 4), start + 10s).ended, std::nullopt);
}

TEST(SessionTable, AWalkMeetsEveryoneWhoStays) {
  SessionTable table;
  for (std::uint32_t i = 0; i < 1'000; ++i)
    table.bind(connection_id(i + 1, i), identity(UserId{i + 1}, 1, pc, 1), start);
  for (std::uint32_t i = 0; i < 1'000; i += 2) table.unbind(connection_id(i + 1, i));
  std::size_t met = 0;
  for (std::uint32_t place = 0; place < table.places(); ++place)
    met += table.user_at(place) ? 1U : 0U;
  EXPECT_EQ(met, 500U);
}

}  // namespace
}  // namespace parley::test
