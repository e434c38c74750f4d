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

TEST_F(PrivateServersTest, SocketsThatLieElsewhereAreGoneAfterTheStop) {
  const std::string parent = dir_ + "/" + std::string(100, 'x');
  ASSERT_EQ(mkdir(parent.c_str(), 0711), 0);
  const PrivateRedis redis({.directory = parent + "/redis"});
  const fs::path sockets = fs::path(redis.url().substr(7)).parent_path();
  ASSERT_EQ(sockets.parent_path(), "/tmp");
  RunningServer running(redis);
  for (const char* when : {"first", "again"}) {
    const auto started = running.start(30s);
    ASSERT_TRUE(started) << when << ": " << started.error().detail;
    EXPECT_TRUE(fs::exists(sockets)) << when;
    const auto stopped = running.stop(30s);
    EXPECT_TRUE(stopped) << when << ": " << stopped.error().detail;
    EXPECT_FALSE(fs::exists(sockets)) << when;
  }
}

TEST_F(PrivateServersTest, SocketsBesideTheDataStay) {
  const PrivateRedis redis({.directory = dir_ + "/redis"});
  ASSERT_TRUE(redis.prepare());
  redis.clean_up();
  EXPECT_TRUE(fs::exists(dir_ + "/redis/socket"));
}

}  // namespace
}  // namespace parley
