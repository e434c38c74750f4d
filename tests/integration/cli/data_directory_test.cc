#include "cli/data_directory.h"

#include <gmock/gmock.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "cli/listen_address.h"
#include "cli/server_key.h"
#include "cli/spawn.h"
#include "cli/up_file.h"
#include "tests/support/ipv4.h"

namespace parley {
namespace {

namespace fs = std::filesystem;

class DataDirectoryTest : public testing::Test {
 protected:
  DataDirectoryTest() {
    std::string name = testing::TempDir() + "/data_directory_XXXXXX";
    dir_ = mkdtemp(name.data());
  }
  ~DataDirectoryTest() override { fs::remove_all(dir_); }

  static mode_t mode_of(const std::string& path) {
    struct stat found {};
    EXPECT_EQ(stat(path.c_str(), &found), 0) << path;
    return found.st_mode & 07777;
  }

  std::string dir_;
};

TEST_F(DataDirectoryTest, BelongsToOneFamilyAtATime) {
  auto first = DataDirectory::claim(dir_ + "/data");
  ASSERT_TRUE(first) << first.error().detail;
  const auto second = DataDirectory::claim(dir_ + "/data");
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Errc::conflict);
  EXPECT_THAT(second.error().detail,
              testing::HasSubstr("is in use: parley up runs there as process " +
                                 std::to_string(getpid())));
}

TEST_F(DataDirectoryTest, IsFreeAgainWhenItsOwnerHasEnded) {
  { ASSERT_TRUE(DataDirectory::claim(dir_ + "/data")); }
  EXPECT_TRUE(DataDirectory::claim(dir_ + "/data"));
}

// A killed `parley up` leaves children that are dying; what they still write must not meet a new family.
TEST_F(DataDirectoryTest, IsNotFreeWhileAChildOfADeadOwnerLives) {
  std::optional<Process> child;
  {
    auto owner = DataDirectory::claim(dir_ + "/data");
    ASSERT_TRUE(owner);
    child.emplace(*Process::start({.arguments = {"/bin/sleep", "0.3"}},
                                  {.output = 2, .kept = owner->lock_fd()}));
  }
  // As it is after the owner's end: nobody has that number.
  std::ofstream(dir_ + "/data/lock") << "4194305";
  const auto next = DataDirectory::claim(dir_ + "/data");
  EXPECT_TRUE(next) << "it waits for the child's end";
  EXPECT_TRUE(child->poll_exit().has_value()) << "it did not wait for the child's end";
}

TEST_F(DataDirectoryTest, KeepsOthersOut) {
  umask(0);
  const auto data = DataDirectory::claim(dir_ + "/data");
  ASSERT_TRUE(data);
  for (const char* folder : {"etc", "keys", "log", "run"})
    EXPECT_EQ(mode_of(data->path() + "/" + folder), 0700u) << folder;
  ASSERT_TRUE(make_server_key(data->key("server-1")));
  EXPECT_EQ(mode_of(data->key("server-1")), 0600u);
  umask(022);
}

TEST_F(DataDirectoryTest, LetsOnlyTheServersUsersThroughWhatItMakes) {
  { ASSERT_TRUE(DataDirectory::claim(dir_ + "/some/data/")); }
  EXPECT_EQ(mode_of(dir_ + "/some/data"), geteuid() == 0 ? 0711u : 0700u);
}

TEST_F(DataDirectoryTest, TakesAnEmptyDirectoryAndLeavesItsMode) {
  fs::create_directory(dir_ + "/data");
  ASSERT_EQ(chmod((dir_ + "/data").c_str(), 0755), 0);
  for (const char* when : {"first", "again"}) {
    const auto data = DataDirectory::claim(dir_ + "/data");
    ASSERT_TRUE(data) << when << ": " << data.error().detail;
    EXPECT_EQ(mode_of(dir_ + "/data"), 0755u) << when;
  }
}

TEST_F(DataDirectoryTest, RefusesADirectoryOfSomethingElseAndChangesNothing) {
  fs::create_directory(dir_ + "/home");
  ASSERT_EQ(chmod((dir_ + "/home").c_str(), 01755), 0);
  std::ofstream(dir_ + "/home/letter") << "x";
  const auto data = DataDirectory::claim(dir_ + "/home");
  ASSERT_FALSE(data);
  EXPECT_EQ(data.error().code, Errc::config);
  EXPECT_THAT(data.error().detail, testing::EndsWith("/home is not a data directory of Parley"));
  EXPECT_EQ(mode_of(dir_ + "/home"), 01755u);
  EXPECT_FALSE(fs::exists(dir_ + "/home/lock"));
}

// As /tmp is.
TEST_F(DataDirectoryTest, RefusesADirectoryThatOthersMayWrite) {
  fs::create_directory(dir_ + "/shared");
  for (const mode_t mode : {mode_t{01777}, mode_t{0720}}) {
    ASSERT_EQ(chmod((dir_ + "/shared").c_str(), mode), 0);
    const auto data = DataDirectory::claim(dir_ + "/shared");
    ASSERT_FALSE(data);
    EXPECT_EQ(data.error().code, Errc::config);
    EXPECT_EQ(mode_of(dir_ + "/shared"), mode);
    EXPECT_TRUE(fs::is_empty(dir_ + "/shared"));
  }
}

TEST_F(DataDirectoryTest, PutsSocketsElsewhereWhenThePathIsTooLongForThem) {
  const auto short_one = DataDirectory::claim(dir_ + "/data");
  ASSERT_TRUE(short_one);
  EXPECT_EQ(short_one->endpoint("broker-1.workers"),
            "ipc://" + short_one->path() + "/run/broker-1.workers");
  std::string elsewhere;
  {
    const auto long_one = DataDirectory::claim(dir_ + "/" + std::string(120, 'x'));
    ASSERT_TRUE(long_one);
    const std::string socket = long_one->endpoint("broker-1.workers").substr(6);
    EXPECT_LE(socket.size(), 107u);
    elsewhere = fs::path(socket).parent_path();
    EXPECT_EQ(mode_of(elsewhere), 0700u);
  }
  EXPECT_FALSE(fs::exists(elsewhere)) << "left behind";
}

TEST_F(DataDirectoryTest, RefusesAPathThatIsAFile) {
  std::ofstream(dir_ + "/file") << "x";
  const auto data = DataDirectory::claim(dir_ + "/file");
  ASSERT_FALSE(data);
  EXPECT_EQ(data.error().code, Errc::config);
}

TEST_F(DataDirectoryTest, ServerKeyIsMadeOnceAndItsPinStaysTheSame) {
  const auto first = make_server_key(dir_ + "/key");
  ASSERT_TRUE(first) << first.error().detail;
  EXPECT_THAT(*first, testing::MatchesRegex("1:[0-9a-f]{64}"));
  EXPECT_EQ(make_server_key(dir_ + "/key").value(), *first);
  EXPECT_NE(make_server_key(dir_ + "/other").value(), *first);
}

TEST_F(DataDirectoryTest, ServerKeyThatOthersMayReadIsRefused) {
  ASSERT_TRUE(make_server_key(dir_ + "/key"));
  chmod((dir_ + "/key").c_str(), 0644);
  const auto pin = make_server_key(dir_ + "/key");
  ASSERT_FALSE(pin);
  EXPECT_EQ(pin.error().code, Errc::config);
}

TEST_F(DataDirectoryTest, UpFileIsReadBackAsItWasWritten) {
  UpFile file{.pid = 7, .state = "running", .gateways = {"127.0.0.1:1"}, .pin = "1:ab",
              .brokers = {"ipc:///x"},
              .business = {"tcp://h:1 key"}, .database = "d", .redis = "r",
              .processes = {{"worker-1", 8, "running", 2, "/log"}}};
  ASSERT_TRUE(write_up_file(dir_, file));
  EXPECT_EQ(read_up_file(dir_).value(), file);
  EXPECT_EQ(read_up_file(dir_ + "/nowhere").error().code, Errc::not_found);
  ASSERT_TRUE(write_file(dir_ + "/up.json", "{\"pid\":"));
  EXPECT_EQ(read_up_file(dir_).error().code, Errc::bad_request);
}

// A socket that is bound there, as servers do it, and listens; -1: the port is somebody's. Port 0: any.
int listen_at(std::uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const sockaddr_in address = test::ipv4(INADDR_LOOPBACK, port);
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
      listen(fd, 1) == 0)
    return fd;
  close(fd);
  return -1;
}

std::uint16_t port_of(int fd) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  return ntohs(address.sin_port);
}

TEST(HeldPort, IsRefusedWhereSomebodyListens) {
  const int fd = listen_at(0);
  const std::uint16_t port = port_of(fd);
  const auto taken = HeldPort::take({"127.0.0.1", port});
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code, Errc::conflict);
  EXPECT_EQ(taken.error().detail,
            "127.0.0.1:" + std::to_string(port) + " is in use by another program");
  const auto other = HeldPort::take({"127.0.0.1", 0});
  ASSERT_TRUE(other);
  EXPECT_NE(other->number(), port);
  close(fd);
}

// Which of its holders is moved, or how often a server comes and goes, makes no difference.
TEST(HeldPort, IsThereForWhoNamesItAgainAndAgain) {
  auto held = HeldPort::take({"127.0.0.1", 0});
  ASSERT_TRUE(held);
  const HeldPort kept = std::move(*held);
  for (int life = 0; life < 3; ++life) {
    const int fd = listen_at(kept.number());
    EXPECT_GE(fd, 0);
    EXPECT_EQ(listen_at(kept.number()), -1) << "one at a time";
    close(fd);
  }
}

// So do outgoing connections, and who asks for any port.
TEST(HeldPort, IsNotFreeForWhoDoesNotAllowItsReuse) {
  auto held = HeldPort::take({"127.0.0.1", 0});
  ASSERT_TRUE(held);
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = test::ipv4(INADDR_LOOPBACK, held->number());
  const auto* where = reinterpret_cast<const sockaddr*>(&address);
  EXPECT_EQ(bind(fd, where, sizeof address), -1);
  *held = *HeldPort::take({"127.0.0.1", 0});
  EXPECT_EQ(bind(fd, where, sizeof address), 0) << "held no longer";
  close(fd);
}

}  // namespace
}  // namespace parley
