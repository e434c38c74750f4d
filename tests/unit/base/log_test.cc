#include "base/log.h"

#include "base/ids.h"
#include "tests/support/announced_errors.h"

namespace parley {
namespace {

TEST(Log, WritesOneJsonObjectPerLine) {
  testing::internal::CaptureStderr();
  log::start("tester", log::Level::info);
  log::warn("login.refused",
            {{"user", UserId{5}}, {"reason", Errc::refused}, {"text", "a\nb"}, {"ok", false}});
  log::debug("not.this");
  log::stop();
  const std::string out = testing::internal::GetCapturedStderr();
  EXPECT_THAT(
      out,
      testing::MatchesRegex(
          "\\{\"t\":[0-9]+,\"level\":\"warn\",\"process\":\"tester\",\"event\":\"login.refused\","
          "\"user\":5,\"reason\":\"refused\",\"text\":\"a.u000ab\",\"ok\":false\\}\n"));
}

TEST(Log, TellsItsObserverEvenWhatTheLevelHides) {
  std::vector<std::string> seen;
  const auto former =
      log::set_observer([&](log::Level, std::string_view event) { seen.emplace_back(event); });
  log::debug("hidden");
  log::set_observer(former);
  log::debug("unobserved");
  EXPECT_THAT(seen, testing::ElementsAre("hidden"));
}

TEST(Log, AnErrorNobodyAnnouncedFailsItsTest) {
  EXPECT_FALSE(test::is_announced("disk.gone"));
  {
    const test::AnnouncedError announced("disk.gone");
    EXPECT_TRUE(test::is_announced("disk.gone"));
    EXPECT_FALSE(test::is_announced("disk.full"));
  }
  EXPECT_FALSE(test::is_announced("disk.gone"));
}

}  // namespace
}  // namespace parley
