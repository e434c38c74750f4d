#include "proto/verbs.h"

#include <gtest/gtest.h>

#include <set>

#include "proto/limits.h"

namespace parley {
namespace {

template <typename Visit>
void each_number(Visit visit) {
  for (unsigned number = 0; number <= UINT16_MAX; ++number)
    visit(static_cast<std::uint16_t>(number));
}

TEST(VerbTable, SaysTheServiceInTheHighByteAndInTheName) {
  int known = 0;
  each_number([&](std::uint16_t number) {
    const auto info = verb_info(number);
    if (!info) return;
    ++known;
    EXPECT_EQ(static_cast<std::uint16_t>(info->verb), number);
    EXPECT_EQ(static_cast<std::uint8_t>(info->service), service_of(number));
    const auto service = service_name(service_of(number));
    ASSERT_TRUE(service);
    EXPECT_EQ(info->name.substr(0, info->name.find('.')), *service);
  });
  EXPECT_GT(known, 0);
}

TEST(VerbTable, NamesEachVerbOnce) {
  std::multiset<std::string_view> names;
  each_number([&](std::uint16_t number) {
    if (const auto info = verb_info(number)) names.insert(info->name);
    if (const auto info = notice_info(number)) names.insert(info->name);
  });
  for (const std::string_view name : names) EXPECT_EQ(names.count(name), 1U) << name;
}

TEST(VerbTable, NeverUsesANumberForAVerbAndANotice) {
  each_number([](std::uint16_t number) {
    EXPECT_FALSE(verb_info(number) && notice_info(number)) << number;
    if (notice_info(number)) {
      EXPECT_GE(number & 0xFF, 0x80) << "notices have the upper half";
    }
    if (verb_info(number)) {
      EXPECT_LT(number & 0xFF, 0x80) << "verbs have the lower half";
    }
  });
}

TEST(VerbTable, BoundsBodiesByWhatAFrameCanCarry) {
  each_number([](std::uint16_t number) {
    const auto info = verb_info(number);
    if (!info) return;
    EXPECT_GT(info->body_max, 0U);
    constexpr std::size_t overhead = limits::frame_header_bytes + limits::tag_bytes;
    const std::size_t bound =
        info->caller == Caller::anonymous ? limits::frame_before_login_max - overhead
        : info->caller == Caller::user    ? limits::frame_body_max
                                          : limits::envelope_max - limits::envelope_header_bytes;
    EXPECT_LE(info->body_max, bound) << info->name;
  });
}

TEST(VerbTable, KnowsNothingOfOtherNumbers) {
  EXPECT_FALSE(verb_info(0));
  EXPECT_FALSE(verb_info(UINT16_MAX));
  EXPECT_FALSE(verb_info(0x0281)) << "a notice is no verb";
  EXPECT_FALSE(notice_info(0x0201)) << "a verb is no notice";
}

TEST(ServiceTable, GoesBothWays) {
  int known = 0;
  for (unsigned number = 0; number < 256; ++number) {
    const auto name = service_name(static_cast<std::uint8_t>(number));
    if (!name) continue;
    ++known;
    EXPECT_EQ(service_named(*name), static_cast<ServiceId>(number));
  }
  EXPECT_GT(known, 0);
  EXPECT_FALSE(service_named("nobody"));
  EXPECT_FALSE(service_named(""));
}

}  // namespace
}  // namespace parley
