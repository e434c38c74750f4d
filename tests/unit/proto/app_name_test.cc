#include "proto/app_name.h"

#include <gtest/gtest.h>

#include <string>

namespace parley {
namespace {

TEST(AppName, IsThePrefixAndSomethingHarmless) {
  EXPECT_TRUE(is_app_name("app.payroll"));
  EXPECT_TRUE(is_app_name("app.Pay-roll_2.test"));
  EXPECT_TRUE(is_app_name("app." + std::string(app_name_max - 4, 'x')));
  EXPECT_FALSE(is_app_name("app." + std::string(app_name_max - 3, 'x')));
  EXPECT_FALSE(is_app_name("app."));
  EXPECT_FALSE(is_app_name("payroll"));
  EXPECT_FALSE(is_app_name("App.payroll"));
  EXPECT_FALSE(is_app_name("app.pay roll"));
  EXPECT_FALSE(is_app_name("app.p\xC3\xA4yroll"));
}

TEST(AppName, OnTheWireItIsItsHash) {
  EXPECT_EQ(app_target("app.payroll"), 0xBA8DCAE39CEEC75BULL);  // as proto/README.md says
}

}  // namespace
}  // namespace parley
