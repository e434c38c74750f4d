#include "cli/toml_text.h"

#include <gmock/gmock.h>

#include "base/config.h"

namespace parley {
namespace {

TEST(TomlText, IsReadBackByTheConfigurationAsItWasWritten) {
  const std::string odd = "/home/a b/\"quoted\"\\ \t\x01 naïve";
  const std::string text = TomlText()
                               .section("a")
                               .text("path", odd)
                               .number("count", 7)
                               .section("b")
                               .list("all", {odd, "second"})
                               .list("none", {})
                               .str();
  std::string path;
  std::uint64_t count = 0;
  std::vector<std::string> all;
  std::vector<std::string> none{"default"};
  Config config;
  config.text("a.path", &path, "");
  config.number("a.count", &count, 0, 9, "");
  config.list("b.all", &all, "");
  config.list("b.none", &none, "");
  const auto loaded = config.load_text(text, "test");
  ASSERT_TRUE(loaded) << loaded.error().detail;
  EXPECT_EQ(path, odd);
  EXPECT_EQ(count, 7u);
  EXPECT_THAT(all, testing::ElementsAre(odd, "second"));
  EXPECT_THAT(none, testing::IsEmpty());
}

}  // namespace
}  // namespace parley
