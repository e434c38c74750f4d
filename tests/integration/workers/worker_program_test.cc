// The program's manners: what it refuses to start with, and its exit codes.
#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>

#include "base/process.h"
#include "cli/spawn.h"
#include "tests/support/eventually.h"
#include "tests/support/servers.h"

namespace parley::test {
namespace {

// Runs parley-worker until it ends by itself; -1 if it does not.
int exit_code_of(std::vector<std::string> arguments, std::vector<std::string> environment) {
  arguments.insert(arguments.begin(),
                   std::string(std::getenv("PARLEY_TEST_BIN")) + "/parley-worker");
  for (const char* always :
       {"PARLEY_LOGIN_HASH_MEMORY_KIB=8", "PARLEY_BUS_BROKERS=ipc:///nowhere/broker"})
    environment.emplace_back(always);
  const int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
  auto process =
      Process::start({.arguments = arguments, .environment = environment}, {.output = nowhere});
  close(nowhere);
  if (!process) return -1;
  eventually(10s, [&] { return process->poll_exit().has_value(); });
  const auto exit = process->poll_exit();
  return exit && exit->signal == 0 ? exit->code : -1;
}

std::vector<std::string> using_database(const std::string& database) {
  return {"PARLEY_DATABASE_URL=" + servers().postgres_url(database),
          "PARLEY_REDIS_URL=" + servers().redis_url()};
}

TEST(WorkerProgram, RefusesADatabaseWhoseCommitsAreNotDurable) {
  const std::string database = servers().fresh_database();
  servers().sql(database, "ALTER DATABASE " + database + " SET synchronous_commit = off");
  EXPECT_EQ(exit_code_of({"all"}, using_database(database)), exit_config);
}

TEST(WorkerProgram, RefusesARoleWhoseCommitsAreNotDurable) {
  const std::string database = servers().fresh_database();
  servers().sql(database,
                "ALTER ROLE parley_app IN DATABASE " + database + " SET synchronous_commit = off");
  EXPECT_EQ(exit_code_of({"c2c"}, using_database(database)), exit_config);
}

TEST(WorkerProgram, RefusesADatabaseWithoutItsSchema) {
  servers().fresh_database();  // as it brings the role that workers log in with
  EXPECT_EQ(exit_code_of({"all"}, using_database(servers().empty_database())), exit_config);
}

TEST(WorkerProgram, RefusesServicesThatDoNotExist) {
  EXPECT_EQ(exit_code_of({"c2x"}, {}), exit_usage);
  EXPECT_EQ(exit_code_of({}, {}), exit_usage);
}

TEST(WorkerProgram, RefusesAConfigurationThatCannotBeMeant) {
  EXPECT_EQ(exit_code_of({"all"}, {"PARLEY_WORKER_EXECUTORS=0"}), exit_config);
  EXPECT_EQ(exit_code_of({"all"}, {"PARLEY_WORKER_EXECUTERS=2"}), exit_config);
  EXPECT_EQ(exit_code_of({"all"}, {"PARLEY_REDIS_URL=http://somewhere"}), exit_config);
}

TEST(WorkerProgram, RefusesAMetricsPortThatIsTaken) {
  EXPECT_EQ(exit_code_of({"all"}, {"PARLEY_METRICS_LISTEN=256.0.0.1:1"}), exit_runtime);
}

}  // namespace
}  // namespace parley::test
