#include "gateway/settings.h"

namespace parley::test {
namespace {

GatewaySettings valid() {
  GatewaySettings settings;
  settings.key_files = {"key"};
  return settings;
}

TEST(Settings, WhatIsPrintedIsRead) {
  GatewaySettings first = valid();
  first.frames = {7, 9};
  first.listen = {"127.0.0.1:0", "[::1]:7100"};
  Config printing;
  declare(printing, first);
  GatewaySettings second;
  Config reading;
  declare(reading, second);
  const auto loaded = reading.load_text(printing.print(), "printed");
  ASSERT_TRUE(loaded) << loaded.error().detail;
  EXPECT_EQ(second.frames.count, 7U);
  EXPECT_EQ(second.frames.burst, 9U);
  EXPECT_EQ(second.listen, first.listen);
  EXPECT_EQ(second.key_files, first.key_files);
}

TEST(Settings, DefaultsNeedOnlyAKey) {
  EXPECT_TRUE(check(valid()));
  EXPECT_FALSE(check(GatewaySettings{}));
}

TEST(Settings, ThatDoNotFitTogetherAreRefused) {
  const std::vector<std::function<void(GatewaySettings&)>> mistakes = {
      [](GatewaySettings& s) { s.name = ""; },
      [](GatewaySettings& s) { s.name = std::string(65, 'x'); },
      [](GatewaySettings& s) { s.listen.clear(); },
      [](GatewaySettings& s) { s.key_files = {"a", "b", "c"}; },
      [](GatewaySettings& s) { s.queue.soft_bytes = s.queue.hard_bytes; }};
  for (std::size_t i = 0; i < mistakes.size(); ++i) {
    GatewaySettings settings = valid();
    mistakes[i](settings);
    EXPECT_FALSE(check(settings)) << i;
  }
}

}  // namespace
}  // namespace parley::test
