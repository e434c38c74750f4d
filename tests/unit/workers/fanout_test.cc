#include "workers/fanout.h"

#include <gmock/gmock.h>

#include "proto/delivery.h"
#include "proto/limits.h"

namespace parley {
namespace {

using testing::ElementsAre;

constexpr InstanceId north{1};
constexpr InstanceId south{2};
constexpr UserId ann{10};
constexpr UserId bob{20};

Delivery message(std::uint64_t conversation, std::string body,
                 std::vector<UserId> users = {ann, bob}, DeviceId skip = DeviceId{5}) {
  return {.notice = Notice::c2c_message,
          .key = conversation,
          .target = conversation,
          .skip_device = skip,
          .users = std::move(users),
          .body = std::move(body)};
}

Routes routes(std::vector<std::vector<InstanceId>> gateways) {
  return {std::move(gateways), false};
}

std::vector<DeliveryItem> items_in(const PackedDelivery& packed) {
  auto items = decode_deliveries(packed.items);
  EXPECT_TRUE(items);
  return *items;
}

TEST(Fanout, AsksForEachUserOnce) {
  const std::vector deliveries{message(1, "a"), message(2, "b", {bob, UserId{5}})};
  EXPECT_THAT(users_of(deliveries), ElementsAre(UserId{5}, ann, bob));
}

TEST(Fanout, DoesNotAskForWhatGoesToEveryGateway) {
  Delivery replaced = message(1, "a");
  replaced.reach = Reach::every_gateway;
  EXPECT_TRUE(users_of(std::vector{replaced}).empty());
}

TEST(Fanout, SendsWhatIsForEveryoneToAllGatewaysOnceWithoutUsers) {
  Delivery everyone = message(9, "a", {}, DeviceId{});
  everyone.reach = Reach::everyone;
  EXPECT_TRUE(users_of(std::vector{everyone}).empty());
  const Routes found;
  const auto packed = pack(std::vector{everyone}, &found, 4);
  ASSERT_EQ(packed.size(), 1u);
  EXPECT_EQ(packed[0].gateway, every_gateway);
  EXPECT_EQ(packed[0].way, Way::by_key) << "by one broker: once";
  EXPECT_TRUE(items_in(packed[0])[0].users.empty());
}

TEST(Fanout, PacksABatchIntoOneMessagePerGatewayInOrder) {
  std::vector<Delivery> deliveries;
  for (std::uint64_t i = 0; i < 100; ++i) deliveries.push_back(message(i % 7, std::to_string(i)));
  const Routes found = routes({{north}, {south}});
  const auto packed = pack(deliveries, &found, 1);
  ASSERT_EQ(packed.size(), 2u);
  for (const PackedDelivery& one : packed) {
    const auto items = items_in(one);
    ASSERT_EQ(items.size(), 100u);
    for (std::size_t i = 0; i < items.size(); ++i) EXPECT_EQ(items[i].body, std::to_string(i));
  }
}

TEST(Fanout, TellsEachGatewayItsUsersOnly) {
  const Routes found = routes({{north}, {south}});
  const auto packed = pack(std::vector{message(1, "hi")}, &found, 1);
  ASSERT_EQ(packed.size(), 2u);
  EXPECT_EQ(packed[0].gateway, north);
  EXPECT_THAT(items_in(packed[0])[0].users, ElementsAre(ann));
  EXPECT_EQ(items_in(packed[0])[0].target, 1u);
  EXPECT_EQ(packed[1].gateway, south);
  EXPECT_THAT(items_in(packed[1])[0].users, ElementsAre(bob));
}

TEST(Fanout, SkipsTheDeviceOnlyWhereItsUserIs) {
  const Routes found = routes({{north}, {south}});
  const auto packed = pack(std::vector{message(1, "hi")}, &found, 1);
  EXPECT_EQ(items_in(packed[0])[0].skip_device, DeviceId{5});
  EXPECT_EQ(items_in(packed[1])[0].skip_device, DeviceId{})
      << "bob may have a device of the same number";
}

TEST(Fanout, SkipsTheDeviceOnEachGatewayOfItsUser) {
  const Routes found = routes({{north, south}, {south}});
  const auto packed = pack(std::vector{message(1, "hi")}, &found, 1);
  EXPECT_EQ(items_in(packed[0])[0].skip_device, DeviceId{5});
  EXPECT_EQ(items_in(packed[1])[0].skip_device, DeviceId{5});
  EXPECT_THAT(items_in(packed[1])[0].users, ElementsAre(ann, bob)) << "its user is the first";
}

TEST(Fanout, LeavesOutWhoeverIsNowhere) {
  const Routes found = routes({{}, {}});
  EXPECT_TRUE(pack(std::vector{message(1, "hi")}, &found, 1).empty());
}

TEST(Fanout, WithoutRoutesEverythingGoesToEveryGateway) {
  const auto packed = pack(std::vector{message(1, "a"), message(2, "b")}, nullptr, 1);
  ASSERT_EQ(packed.size(), 1u);
  EXPECT_EQ(packed[0].gateway, every_gateway);
  const auto items = items_in(packed[0]);
  ASSERT_EQ(items.size(), 2u);
  EXPECT_THAT(items[0].users, ElementsAre(ann, bob));
  EXPECT_EQ(items[0].skip_device, DeviceId{5});
}

TEST(Fanout, NoticesToGatewaysReachAllOfThem) {
  Delivery replaced = message(10, "x", {ann}, DeviceId{});
  replaced.notice = Notice::login_replaced;
  replaced.reach = Reach::every_gateway;
  const Routes found = routes({});
  const auto packed = pack(std::vector{replaced}, &found, 1);
  ASSERT_EQ(packed.size(), 1u);
  EXPECT_EQ(packed[0].gateway, every_gateway);
  EXPECT_EQ(packed[0].way, Way::by_every_broker);
}

TEST(Fanout, WithoutRoutesAMessageGoesToEveryGatewayButOnlyOnce) {
  Delivery replaced = message(10, "x", {ann}, DeviceId{});
  replaced.reach = Reach::every_gateway;
  const auto packed = pack(std::vector{message(10, "a"), replaced}, nullptr, 1);
  ASSERT_EQ(packed.size(), 2u);
  EXPECT_EQ(packed[0].gateway, every_gateway);
  EXPECT_EQ(packed[0].way, Way::by_key);
  EXPECT_EQ(packed[1].way, Way::by_every_broker);
}

TEST(Fanout, OneConversationAlwaysTravelsInOneLane) {
  EXPECT_EQ(lane_count(1), 1u);
  EXPECT_GT(lane_count(3), 3u);
  const std::uint64_t lanes = lane_count(3);
  const Routes found = routes({{north}, {north}});
  std::map<std::uint64_t, std::uint64_t> lane_of;
  for (int batch = 0; batch < 3; ++batch) {
    std::vector<Delivery> deliveries;
    for (std::uint64_t c = 0; c < 50; ++c) deliveries.push_back(message(c * 1'000'003, "x"));
    const auto packed = pack(deliveries, &found, lanes);
    EXPECT_EQ(packed.size(), lanes) << "and they share messages";
    for (const PackedDelivery& one : packed) {
      for (const DeliveryItem& item : items_in(one))
        EXPECT_EQ(lane_of.try_emplace(item.target, one.key).first->second, one.key);
    }
  }
}

TEST(Fanout, SaysFirstWhichRequestsCausedAMessageEachOnce) {
  std::vector<Delivery> deliveries;
  for (const std::uint64_t trace : {7u, 7u, 0u, 8u}) {
    deliveries.push_back(message(1, "x"));
    deliveries.back().trace = trace;
  }
  const Routes found = routes({{north}, {south}});
  const auto packed = pack(deliveries, &found, 1);
  ASSERT_EQ(packed.size(), 2u);
  for (const PackedDelivery& one : packed) {
    EXPECT_THAT(causes_of(one.items), ElementsAre(7, 8));
    const auto items = items_in(one);
    ASSERT_EQ(items.size(), 5u);
    EXPECT_EQ(items[0].notice, notice_causes);
    EXPECT_EQ(items[4].body, "x");
  }
  deliveries.resize(3);
  for (Delivery& delivery : deliveries) delivery.trace = 0;
  EXPECT_EQ(items_in(pack(deliveries, &found, 1)[0]).size(), 3u) << "nothing to say";
}

TEST(Fanout, TellsOnlySoManyCausesAndKeepsWithinTheLimit) {
  std::vector<Delivery> deliveries;
  for (std::uint64_t i = 0; i < 3'000; ++i) {
    deliveries.push_back(message(1, "x"));
    deliveries.back().trace = i + 1;
  }
  const Routes found = routes({{north}, {}});
  for (const PackedDelivery& one : pack(deliveries, &found, 1)) {
    EXPECT_LE(one.items.size(), limits::delivery_body_max);
    EXPECT_LE(causes_of(one.items).size(), causes_max);
  }
  for (Delivery& delivery : deliveries) delivery.body = std::string(2'000, 'y');
  const auto full = pack(deliveries, &found, 1);
  ASSERT_GT(full.size(), 2u);
  for (const PackedDelivery& one : full) EXPECT_LE(one.items.size(), limits::delivery_body_max);
}

TEST(Fanout, BeginsAnotherMessageAtTheLimitAndKeepsTheOrder) {
  std::vector<Delivery> deliveries;
  for (int i = 0; i < 40; ++i)
    deliveries.push_back(message(1, std::to_string(i) + std::string(16'384, 'x')));
  const Routes found = routes({{north}, {north}});
  const auto packed = pack(deliveries, &found, 1);
  ASSERT_GT(packed.size(), 1u);
  int next = 0;
  for (const PackedDelivery& one : packed) {
    EXPECT_LE(one.items.size(), limits::delivery_body_max);
    for (const DeliveryItem& item : items_in(one))
      EXPECT_TRUE(item.body.starts_with(std::to_string(next++) + "x"));
  }
  EXPECT_EQ(next, 40);
}

}  // namespace
}  // namespace parley
