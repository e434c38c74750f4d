#include "cli/verify/saboteur.h"

#include <gmock/gmock.h>

namespace parley::verify {
namespace {

std::vector<std::string> parsed(std::string_view text) {
  std::vector<std::string> names;
  const auto kinds = parse_faults(text);
  if (kinds)
    for (const FaultKind& kind : *kinds) names.push_back(to_text(kind));
  return kinds ? names : std::vector<std::string>{kinds.error().detail};
}

TEST(Faults, AreNamedAsWaysAndFamilies) {
  EXPECT_THAT(parsed("kill-worker,kill-broker,stop-gateway"),
              testing::ElementsAre("kill-worker", "kill-broker", "stop-gateway"));
  EXPECT_THAT(parsed(""), testing::IsEmpty());
}

TEST(Faults, ThatDoNotExistAreRefusedByName) {
  for (const char* wrong : {"kill-postgres", "worker", "kill-", "burn-worker", "kill-worker,,x"}) {
    const auto kinds = parse_faults(wrong);
    ASSERT_FALSE(kinds) << wrong;
    EXPECT_EQ(kinds.error().code, Errc::config);
  }
  EXPECT_THAT(parsed("kill-worker,stop-all"), testing::ElementsAre(testing::HasSubstr("stop-all")));
}

}  // namespace
}  // namespace parley::verify
