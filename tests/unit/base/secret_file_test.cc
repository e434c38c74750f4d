#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/config.h"

namespace parley {
namespace {

struct SecretFile : testing::Test {
  std::string folder = [] {
    char path[] = "/tmp/parley-secret-XXXXXX";
    return std::string(mkdtemp(path));
  }();
  ~SecretFile() override { std::filesystem::remove_all(folder); }

  std::string write(const std::string& content, mode_t mode) {
    const std::string path = folder + "/secret";
    std::ofstream(path) << content;
    chmod(path.c_str(), mode);
    return path;
  }
};

TEST_F(SecretFile, IsReadWithoutItsTrailingNewline) {
  EXPECT_EQ(read_secret_file(write("open sesame\n", 0600)), "open sesame");
}

TEST_F(SecretFile, IsRefusedWhenOthersMayReadIt) {
  for (const mode_t mode : {0640, 0604, 0620, 0666})
    EXPECT_FALSE(read_secret_file(write("x", mode))) << mode;
}

TEST_F(SecretFile, IsRefusedWhenItIsALinkAFolderEmptyHugeOrMissing) {
  const std::string path = write("x", 0600);
  const std::string link = folder + "/link";
  ASSERT_EQ(symlink(path.c_str(), link.c_str()), 0);
  EXPECT_FALSE(read_secret_file(link));
  EXPECT_FALSE(read_secret_file(folder));
  EXPECT_FALSE(read_secret_file(folder + "/missing"));
  EXPECT_FALSE(read_secret_file(write("", 0600)));
  EXPECT_FALSE(read_secret_file(write(std::string(5'000, 'x'), 0600)));
}

TEST_F(SecretFile, ThatIsMadeCanBeReadAndIsNeverOverwritten) {
  const std::string path = folder + "/made";
  ASSERT_TRUE(create_secret_file(path, "open sesame\n"));
  EXPECT_EQ(read_secret_file(path), "open sesame");
  const auto again = create_secret_file(path, "other");
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Errc::conflict);
  EXPECT_EQ(read_secret_file(path), "open sesame");
  EXPECT_EQ(create_secret_file(folder + "/missing/made", "x").error().code, Errc::io);
}

TEST_F(SecretFile, ATrustedFileMayBeSeenByOthersButNotChanged) {
  EXPECT_EQ(read_trusted_file(write("a\n", 0644), 10), "a\n");
  EXPECT_EQ(read_trusted_file(write("", 0600), 10), "");
  EXPECT_EQ(read_trusted_file(write(std::string(10, 'x'), 0600), 10), std::string(10, 'x'));
  EXPECT_FALSE(read_trusted_file(write(std::string(11, 'x'), 0600), 10));
  EXPECT_FALSE(read_trusted_file(write("a", 0664), 10));
  EXPECT_FALSE(read_trusted_file(write("a", 0646), 10));
  const std::string link = folder + "/link";
  ASSERT_EQ(symlink(write("a", 0600).c_str(), link.c_str()), 0);
  EXPECT_FALSE(read_trusted_file(link, 10));
  EXPECT_FALSE(read_trusted_file(folder, 10));
}

TEST_F(SecretFile, ARefusalNeverShowsTheSecret) {
  const auto refused = read_secret_file(write("hunter2", 0644));
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().detail, testing::Not(testing::HasSubstr("hunter2")));
}

}  // namespace
}  // namespace parley
