#include "workers/services.h"

#include <gmock/gmock.h>

namespace parley {
namespace {

using testing::ElementsAre;

Result<std::vector<ServiceId>> named(std::vector<std::string> names) {
  return services_named(names);
}

TEST(Services, AreNamedOnTheCommandLine) {
  EXPECT_THAT(*named({"c2c"}), ElementsAre(ServiceId::c2c));
  EXPECT_THAT(*named({"c2c", "login"}), ElementsAre(ServiceId::c2c, ServiceId::login));
}

TEST(Services, AllAreAllThatTheWireKnowsButThoseOfBusinessSystems) {
  const auto all = named({"all"});
#define PARLEY_SERVICE(name, number)                       \
  if (ServiceId::name != ServiceId::app) {                 \
    EXPECT_THAT(*all, testing::Contains(ServiceId::name)); \
  }
#include "proto/services.def"
#undef PARLEY_SERVICE
  EXPECT_THAT(*all, testing::Not(testing::Contains(ServiceId::app)));
}

TEST(Services, RefuseWhatIsNone) {
  for (const auto& names :
       {std::vector<std::string>{}, {"c2x"}, {"c2c", "c2c"}, {"all", "c2c"}, {""}}) {
    const auto result = named(names);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, Errc::config);
  }
}

}  // namespace
}  // namespace parley
