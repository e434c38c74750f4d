// A migration that ends after any of its steps is gone on with by the next attempt.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "store/pg/migrate.h"
#include "tests/support/program.h"
#include "tests/support/servers.h"

namespace parley::test {
namespace {

class MigrationFailpoints : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override { std::filesystem::create_directories(directory_); }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  Ran migrate_through(const std::string& action) {
    const std::string file = directory_ + "/armed";
    std::filesystem::remove(file + ".taken");
    std::ofstream(file) << "mig_each_step " << action << '\n';
    return run_program({"parley", "migrate", "--database", url_}, {"FAILPOINT_FILE=" + file});
  }

  std::string database_ = servers().empty_database();
  std::string url_ = servers().postgres_url(database_, "postgres");
  std::string directory_ = "/tmp/parley-migration-" + std::to_string(::getpid());
};

TEST_P(MigrationFailpoints, NothingIsDoneTwiceOrHalf) {
  const auto steps = schema_steps().size();
  const bool ends = GetParam() != "stall";
  for (std::size_t step = 1; step <= steps; ++step) {
    const Ran ran = migrate_through(GetParam());
    ASSERT_TRUE(std::filesystem::exists(directory_ + "/armed.taken")) << ran.output;
    if (!ends) break;
    EXPECT_NE(ran.code, 0);
    EXPECT_EQ(servers().sql(database_, "SELECT count(*) FROM parley.migration"),
              std::to_string(step));
  }
  const Ran ran = run_program({"parley", "migrate", "--database", url_});
  EXPECT_EQ(ran.code, 0) << ran.output;
  EXPECT_EQ(servers().sql(database_, "SELECT count(*) FROM parley.migration"),
            std::to_string(steps));
}

INSTANTIATE_TEST_SUITE_P(Every, MigrationFailpoints, testing::Values("crash", "stall", "fail"),
                         [](const auto& made) { return "mig_each_step_" + made.param; });

}  // namespace
}  // namespace parley::test
