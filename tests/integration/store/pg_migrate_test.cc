#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "store/pg/connection.h"
#include "store/pg/migrate.h"
#include "tests/support/eventually.h"
#include "tests/support/servers.h"

namespace parley::test {
namespace {

const std::string count_steps = "SELECT count(*) FROM parley.migration";

class Migrate : public testing::Test {
 protected:
  // The real steps, and one more.
  std::vector<MigrationStep> steps_and(std::string_view sql) {
    std::vector<MigrationStep> steps(schema_steps().begin(), schema_steps().end());
    steps.push_back({static_cast<int>(steps.size()) + 1, "one_more", sql});
    return steps;
  }
  std::string all_steps() { return std::to_string(schema_steps().size()); }

  std::string database_ = servers().empty_database();
  std::string url_ = servers().postgres_url(database_, "postgres");
};

TEST_F(Migrate, BringsAnEmptyDatabaseToThisBuildAndThenDoesNothing) {
  const auto first = migrate(url_);
  ASSERT_TRUE(first) << first.error().detail;
  EXPECT_EQ(first->from, 0);
  EXPECT_EQ(std::to_string(first->to), all_steps());
  const auto second = migrate(url_);
  ASSERT_TRUE(second) << second.error().detail;
  EXPECT_EQ(second->from, first->to);
  EXPECT_EQ(servers().sql(database_, count_steps), all_steps());
}

TEST_F(Migrate, OfSeveralAtOnceOneWorksAndAllSucceed) {
  std::array<bool, 4> succeeded{};
  std::vector<std::thread> running;
  for (bool& mine : succeeded) {
    running.emplace_back([&] { mine = migrate(url_).has_value(); });
  }
  for (std::thread& thread : running) thread.join();
  EXPECT_THAT(succeeded, testing::Each(true));
  EXPECT_EQ(servers().sql(database_, count_steps), all_steps());
}

TEST_F(Migrate, SeveralDatabasesOfOneServerAtOnceShareTheirRoles) {
  std::array<std::string, 3> urls;
  std::array<std::string, 3> errors;
  for (std::string& url : urls) {
    url = servers().postgres_url(servers().empty_database(), "postgres");
  }
  std::vector<std::thread> running;
  for (std::size_t i = 0; i < urls.size(); ++i) {
    running.emplace_back([&, i] {
      const auto migrated = migrate(urls[i]);
      if (!migrated) errors[i] = migrated.error().detail;
    });
  }
  for (std::thread& thread : running) thread.join();
  EXPECT_THAT(errors, testing::Each(""));
}

TEST_F(Migrate, KilledInTheMiddleOfAStepItGoesOnFromThere) {
  const auto slow =
      steps_and("SET LOCAL ROLE parley_owner; CREATE TABLE parley.half (); SELECT pg_sleep(60)");
  const pid_t child = fork();
  if (child == 0) {
    (void)migrate(url_, slow);
    _exit(0);
  }
  ASSERT_TRUE(eventually(20s, [&] {
    return servers().sql(database_,
                         "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
                         " AND datname = current_database()") == "1";
  }));
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);

  const auto done =
      migrate(url_, steps_and("SET LOCAL ROLE parley_owner; CREATE TABLE parley.half ()"));
  ASSERT_TRUE(done) << done.error().detail;
  EXPECT_EQ(std::to_string(done->from), all_steps())
      << "the steps before stayed, the half one did not";
  EXPECT_EQ(servers().sql(database_, "SELECT to_regclass('parley.half') IS NOT NULL"), "t");
}

TEST_F(Migrate, ASessionThatEndsBetweenTwoStepsIsNotReplacedWithoutItsLock) {
  PgConnection session(url_, PgConnection::Purpose::administer);
  const auto pid = session.run("SELECT pg_advisory_lock(5030190), pg_backend_pid()");
  ASSERT_TRUE(pid) << pid.error().error.detail;
  servers().sql(database_,
                "SELECT pg_terminate_backend(" + std::string(pid->bytes(0, 1)) + ", 5000)");
  for (int call = 0; call < 2; ++call) {
    const auto next = session.run("SELECT 1");
    ASSERT_FALSE(next);
    EXPECT_EQ(next.error().error.code, Errc::retry_later);
  }
}

TEST_F(Migrate, AStepThatEndsItsSessionCanBeTriedAgain) {
  const auto ended = migrate(url_, steps_and("SELECT pg_terminate_backend(pg_backend_pid())"));
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().code, Errc::retry_later);
  EXPECT_THAT(ended.error().detail, testing::HasSubstr("one_more"));
  EXPECT_EQ(servers().sql(database_, count_steps), all_steps());
}

TEST_F(Migrate, AStepThatFailsLeavesNothingAndSaysWhy) {
  const auto failed = migrate(
      url_, steps_and("SET LOCAL ROLE parley_owner; CREATE TABLE parley.half (); SELECT 1/0"));
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, Errc::internal);
  EXPECT_THAT(failed.error().detail, testing::HasSubstr("one_more"));
  EXPECT_THAT(failed.error().detail, testing::HasSubstr("division by zero"));
  EXPECT_EQ(servers().sql(database_, count_steps), all_steps());
  EXPECT_EQ(servers().sql(database_, "SELECT to_regclass('parley.half') IS NULL"), "t");
}

TEST_F(Migrate, RefusesASchemaThatIsNewerThanItself) {
  ASSERT_TRUE(migrate(url_, steps_and("SELECT 1")));
  const auto older = migrate(url_);
  ASSERT_FALSE(older);
  EXPECT_EQ(older.error().code, Errc::config);
  EXPECT_TRUE(check_schema(url_)) << "but an older worker goes on working";
}

TEST_F(Migrate, RefusesAStepThatWasAppliedWithAnotherText) {
  ASSERT_TRUE(migrate(url_, steps_and("SELECT 1")));
  const auto changed = migrate(url_, steps_and("SELECT 2"));
  ASSERT_FALSE(changed);
  EXPECT_EQ(changed.error().code, Errc::config);
}

TEST_F(Migrate, LaterStepsNeedNoSuperuser) {
  ASSERT_TRUE(migrate(url_));
  const auto later =
      migrate(servers().postgres_url(database_, "parley_migrate"),
              steps_and("SET LOCAL ROLE parley_owner; CREATE TABLE parley.later ()"));
  ASSERT_TRUE(later) << later.error().detail;
  EXPECT_EQ(servers().sql(database_, "SELECT tableowner FROM pg_tables WHERE tablename = 'later'"),
            "parley_owner");
}

TEST_F(Migrate, AWorkerRefusesADatabaseWithoutItsSchema) {
  const Status missing = check_schema(url_);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Errc::config);
  ASSERT_TRUE(migrate(url_, schema_steps().first(1)));
  EXPECT_EQ(check_schema(url_).error().code, Errc::config);
  ASSERT_TRUE(migrate(url_));
  EXPECT_TRUE(check_schema(servers().postgres_url(database_, "parley_app")));
}

TEST_F(Migrate, AServerThatIsAwayIsNotAConfigurationError) {
  const std::string nowhere = "postgresql:///x?host=/nonexistent";
  EXPECT_EQ(migrate(nowhere).error().code, Errc::retry_later);
  EXPECT_EQ(check_schema(nowhere).error().code, Errc::retry_later);
}

}  // namespace
}  // namespace parley::test
