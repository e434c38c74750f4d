#include "cli/private_servers.h"

#include <gmock/gmock.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>

namespace parley {
namespace {

namespace fs = std::filesystem;

class PrivateServersTest : public testing::Test {
 protected:
  PrivateServersTest() {
    std::string name = "/tmp/parley-test-XXXXXX";
    dir_ = mkdtemp(name.data());
    // The servers' users must get through it.
    EXPECT_EQ(chmod(dir_.c_str(), 0711), 0);
  }
  ~PrivateServersTest() override { fs::remove_all(dir_); }

  // That it looks for a former life's processes first is what makes this worth a test: without a
  // program and a directory to tell them by, it must not take anybody's for its own.
  void expect_refused(const PrivateServer& server, const std::string& program) {
    const auto prepared = server.prepare();
    ASSERT_FALSE(prepared);
    EXPECT_EQ(prepared.error().code, Errc::config) << prepared.error().detail;
    EXPECT_THAT(prepared.error().detail, testing::StartsWith(program + " is not a program to run"));
    EXPECT_TRUE(fs::is_empty(dir_)) << "something was done before";
  }

  std::string dir_;
};

TEST_F(PrivateServersTest, NothingIsDoneWithoutThePostgresProgram) {
  expect_refused(PrivatePostgres({.directory = dir_ + "/postgres", .binaries = "/nowhere"}),
                 "/nowhere/postgres");
}

TEST_F(PrivateServersTest, NothingIsDoneWithoutTheRedisProgram) {
  expect_refused(PrivateRedis({.directory = dir_ + "/redis", .binary = "/etc/passwd"}),
                 "/etc/passwd");
}

}  // namespace
}  // namespace parley
