#include "proto/delivery.h"

#include <gtest/gtest.h>

#include "proto/bytes.h"

namespace parley {
namespace {

const DeliveryItem first{.notice = 0x0281,
                         .target = 0x1122,
                         .skip_device = DeviceId{0x3344},
                         .users = {UserId{5}, UserId{6}},
                         .body = "hello"};
const DeliveryItem second{
    .notice = 0x0282, .target = 7, .skip_device = {}, .users = {}, .body = ""};

std::string packed() {
  std::string bytes;
  append_delivery(first, bytes);
  append_delivery(second, bytes);
  return bytes;
}

void expect_equal(const DeliveryItem& a, const DeliveryItem& b) {
  EXPECT_EQ(a.notice, b.notice);
  EXPECT_EQ(a.target, b.target);
  EXPECT_EQ(a.skip_device, b.skip_device);
  EXPECT_EQ(a.users, b.users);
  EXPECT_EQ(a.body, b.body);
}

TEST(DeliveryDecoder, GivesBackTheItemsInOrder) {
  const std::string bytes = packed();
  const auto items = decode_deliveries(bytes);
  ASSERT_TRUE(items);
  ASSERT_EQ(items->size(), 2U);
  expect_equal((*items)[0], first);
  expect_equal((*items)[1], second);
}

TEST(DeliveryDecoder, TakesNothingForNoItems) {
  const auto items = decode_deliveries("");
  ASSERT_TRUE(items);
  EXPECT_TRUE(items->empty());
}

TEST(DeliveryDecoder, RefusesEveryTruncationInsideAnItem) {
  const std::string bytes = packed();
  std::string whole;
  append_delivery(first, whole);
  for (std::size_t size = 1; size < bytes.size(); ++size) {
    const auto items = decode_deliveries(std::string_view(bytes).substr(0, size));
    EXPECT_EQ(items.has_value(), size == whole.size()) << size;
    if (!items) {
      EXPECT_EQ(items.error().code, Errc::bad_frame);
    }
  }
}

TEST(DeliveryDecoder, RefusesLengthsBeyondTheEndWithoutAllocatingForThem) {
  std::string users = packed();
  store_at<std::uint16_t>(users.data() + 2, UINT16_MAX);
  EXPECT_FALSE(decode_deliveries(users));
  std::string body = packed();
  store_at<std::uint32_t>(body.data() + 4, UINT32_MAX);
  EXPECT_FALSE(decode_deliveries(body));
}

TEST(DeliveryItems, WithTooManyUsersAreAProgrammersError) {
  DeliveryItem item = first;
  item.users.resize(std::size_t{UINT16_MAX} + 1);
  std::string out;
  EXPECT_DEATH(append_delivery(item, out), "users");
}

TEST(DeliveryCauses, StandFirstAndAreReadWithoutTheRest) {
  const std::vector<std::uint64_t> traces{0x1112131415161718, 2};
  std::string bytes;
  append_causes(traces, bytes);
  EXPECT_EQ(bytes.size(), causes_bytes(2));
  EXPECT_EQ(bytes.substr(0, 8), std::string("\0\0\0\0\x10\0\0\0", 8));
  EXPECT_EQ(bytes.substr(24, 8), "\x18\x17\x16\x15\x14\x13\x12\x11");
  bytes += packed();
  EXPECT_EQ(causes_of(bytes), traces);
  const auto items = decode_deliveries(bytes);
  ASSERT_TRUE(items);
  ASSERT_EQ(items->size(), 3U);
  EXPECT_EQ((*items)[0].notice, notice_causes);
  expect_equal((*items)[1], first);
}

TEST(DeliveryCauses, AreNoneWhereNothingIsSaid) {
  EXPECT_TRUE(causes_of("").empty());
  EXPECT_TRUE(causes_of(packed()).empty());
  EXPECT_TRUE(causes_of(std::string(23, '\0')).empty());
  std::string with_users;
  DeliveryItem item = first;
  item.notice = notice_causes;
  append_delivery(item, with_users);
  EXPECT_TRUE(causes_of(with_users).empty());
}

TEST(DeliveryCauses, AreNoMoreThanThereAreBytesForAndTheBound) {
  std::string bytes;
  append_causes(std::vector<std::uint64_t>{1, 2}, bytes);
  for (std::size_t size = 0; size < bytes.size(); ++size)
    EXPECT_LE(causes_of(std::string_view(bytes).substr(0, size)).size(), size < 32 ? 0U : 1U);
  std::string many;
  const std::string body(8 * (causes_max + 1), 'x');
  DeliveryItem item = second;
  item.notice = notice_causes;
  item.body = body;
  append_delivery(item, many);
  EXPECT_EQ(causes_of(many).size(), causes_max);
}

}  // namespace
}  // namespace parley
