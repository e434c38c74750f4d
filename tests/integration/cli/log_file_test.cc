#include "cli/log_file.h"

#include <gmock/gmock.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace parley {
namespace {

class LogFileTest : public testing::Test {
 protected:
  LogFileTest() {
    std::string name = testing::TempDir() + "/log_file_XXXXXX";
    dir_ = mkdtemp(name.data());
    path_ = dir_ + "/child.log";
  }
  ~LogFileTest() override { std::filesystem::remove_all(dir_); }

  std::string content(const std::string& suffix = "") const {
    std::ostringstream text;
    text << std::ifstream(path_ + suffix).rdbuf();
    return text.str();
  }

  std::string dir_;
  std::string path_;
};

TEST_F(LogFileTest, RotatesByWholeLinesAndDropsTheOldestFile) {
  auto log = LogFile::open(path_, {.file_bytes_max = 10, .files_max = 3}).value();
  for (char c = 'a'; c <= 'g'; ++c) log.append(std::string(3, c) + "\n");
  EXPECT_EQ(content(), "ggg\n");
  EXPECT_EQ(content(".1"), "eee\nfff\n");
  EXPECT_EQ(content(".2"), "ccc\nddd\n");
  EXPECT_FALSE(std::filesystem::exists(path_ + ".3"));
}

TEST_F(LogFileTest, KeepsALineTogetherThatArrivesInPieces) {
  auto log = LogFile::open(path_, {}).value();
  log.append("half a ");
  EXPECT_EQ(content(), "");
  log.append("line\nand");
  EXPECT_EQ(content(), "half a line\n");
  log.flush();
  EXPECT_EQ(content(), "half a line\nand");
}

TEST_F(LogFileTest, DoesNotHoardALineWithoutEnd) {
  auto log = LogFile::open(path_, {}).value();
  for (int i = 0; i < 100; ++i) log.append(std::string(1000, 'x'));
  EXPECT_GE(content().size(), 65'536u);
}

TEST_F(LogFileTest, GoesOnWhereAFormerProcessStopped) {
  LogFile::open(path_, {}).value().append("before\n");
  LogFile::open(path_, {}).value().append("after\n");
  EXPECT_EQ(content(), "before\nafter\n");
}

TEST_F(LogFileTest, TailGivesTheLastLines) {
  std::ofstream(path_) << "one\ntwo\nthree\n";
  EXPECT_EQ(tail_of(path_, 2), "two\nthree\n");
  EXPECT_EQ(tail_of(path_, 9), "one\ntwo\nthree\n");
  EXPECT_EQ(tail_of(dir_ + "/missing", 2), "");
}

}  // namespace
}  // namespace parley
