// One contract for both local logs, so that the twin in memory cannot lie.
#include "client/local_log.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "client/memory_log.h"
#include "client/sqlite_log.h"

namespace parley::client {
namespace {

class TempDir {
 public:
  TempDir() {
    std::string pattern = (std::filesystem::temp_directory_path() / "parley-log-XXXXXX").string();
    path_ = mkdtemp(pattern.data());
  }
  ~TempDir() { std::filesystem::remove_all(path_); }
  std::string file() const { return path_ + "/alice.db"; }

 private:
  std::string path_;
};

const ConversationId one{(1ULL << 31) | 2};

Entry entry(std::uint64_t seq, std::string body = "text") {
  return {.conversation = one,
          .seq = Seq{seq},
          .sender = UserId{seq % 2 + 1},
          .client_id = {static_cast<std::uint8_t>(seq), 0, 255},
          .kind = MessageKind::custom,
          .body = std::move(body),
          .time_ms = 1'700'000'000'000};
}

Outgoing message(std::uint8_t id) {
  return {.id = {id, 0, 1}, .conversation = one, .body = std::string("a\0b\xff", 4)};
}

std::vector<std::uint64_t> seqs(const std::vector<Entry>& entries) {
  std::vector<std::uint64_t> numbers;
  for (const Entry& e : entries) numbers.push_back(e.seq.value);
  return numbers;
}

using testing::ElementsAre;
using testing::IsEmpty;

class LocalLogContract : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override { reopen(); }
  // What the next run of the program would see. Memory has no next run.
  void reopen() {
    if (GetParam() == std::string("memory")) {
      if (log == nullptr) log = std::make_unique<MemoryLog>();
      return;
    }
    log.reset();
    log = open_sqlite_log(dir.file()).value();
  }
  void append(std::vector<Entry> entries) { ASSERT_TRUE(log->append(one, entries)); }

  TempDir dir;
  std::unique_ptr<LocalLog> log;
};

TEST_P(LocalLogContract, RemembersWhoTheDeviceIs) {
  EXPECT_EQ(log->identity().value(), std::nullopt);
  const Identity first{.device = DeviceId{~0ULL}, .user = UserId{}, .device_token = ""};
  ASSERT_TRUE(log->save_identity(first));
  EXPECT_EQ(log->identity().value(), first);
  const Identity next{.device = DeviceId{~0ULL}, .user = UserId{7}, .device_token = {"\0t", 2}};
  ASSERT_TRUE(log->save_identity(next));
  reopen();
  EXPECT_EQ(log->identity().value(), next);
}

TEST_P(LocalLogContract, KeepsEntriesAsTheyAre) {
  ASSERT_TRUE(log->begin_conversation(one, Seq{0}));
  const std::vector<Entry> entries{entry(1, {"\0\xff\n", 3}), entry(2, ""), entry(3)};
  append(entries);
  reopen();
  EXPECT_EQ(log->entries(one, Seq{}, 10).value(), entries);
}

TEST_P(LocalLogContract, ShowsTheNewestBeforeAPlace) {
  ASSERT_TRUE(log->begin_conversation(one, Seq{0}));
  for (std::uint64_t seq = 1; seq <= 9; ++seq) append({entry(seq)});
  EXPECT_THAT(seqs(log->entries(one, Seq{}, 3).value()), ElementsAre(7, 8, 9));
  EXPECT_THAT(seqs(log->entries(one, Seq{7}, 2).value()), ElementsAre(5, 6));
  EXPECT_THAT(seqs(log->entries(one, Seq{3}, 100).value()), ElementsAre(1, 2));
  EXPECT_THAT(log->entries(one, Seq{1}, 5).value(), IsEmpty());
  EXPECT_THAT(log->entries(ConversationId{5}, Seq{}, 5).value(), IsEmpty());
}

TEST_P(LocalLogContract, NeverGetsAHole) {
  ASSERT_TRUE(log->begin_conversation(one, Seq{5}));
  EXPECT_EQ(log->append(one, std::vector{entry(7)}).error().code, Errc::conflict);
  EXPECT_EQ(log->append(one, std::vector{entry(5)}).error().code, Errc::conflict);
  EXPECT_EQ(log->append(one, std::vector{entry(6), entry(8)}).error().code, Errc::conflict);
  EXPECT_THAT(log->entries(one, Seq{}, 10).value(), IsEmpty()) << "all or nothing";
  append({entry(6), entry(7)});
  reopen();
  EXPECT_EQ(log->conversations().value()[0].last, Seq{7});
}

TEST_P(LocalLogContract, KnowsOnlyConversationsThatWereBegun) {
  EXPECT_EQ(log->append(one, std::vector{entry(1)}).error().code, Errc::not_found);
  EXPECT_EQ(log->save_cursors(one, {}, {}).error().code, Errc::not_found);
  ASSERT_TRUE(log->begin_conversation(one, Seq{4}));
  EXPECT_EQ(log->begin_conversation(one, Seq{9}).error().code, Errc::conflict);
  ASSERT_TRUE(log->begin_conversation(ConversationId{1}, Seq{0}));
  const auto known = log->conversations().value();
  ASSERT_EQ(known.size(), 2U);
  EXPECT_EQ(known[0].conversation, ConversationId{1});
  EXPECT_EQ(known[1].last, Seq{4});
}

TEST_P(LocalLogContract, MovesCursorsForwardOnly) {
  ASSERT_TRUE(log->begin_conversation(one, Seq{9}));
  ASSERT_TRUE(log->save_cursors(one, {Seq{5}, Seq{3}}, {Seq{0}, Seq{8}}));
  ASSERT_TRUE(log->save_cursors(one, {Seq{4}, Seq{4}}, {Seq{7}, Seq{1}}));
  reopen();
  const auto known = log->conversations().value();
  EXPECT_EQ(known[0].mine, (Cursors{Seq{5}, Seq{4}}));
  EXPECT_EQ(known[0].peer, (Cursors{Seq{8}, Seq{8}}));
}

TEST_P(LocalLogContract, KeepsTheOutboxInOrderUntilItIsTold) {
  for (const std::uint8_t id : std::vector<std::uint8_t>{3, 1, 2})
    ASSERT_TRUE(log->queue(message(id)));
  EXPECT_EQ(log->queue(message(1)).error().code, Errc::conflict);
  ASSERT_TRUE(log->unqueue(message(1).id));
  ASSERT_TRUE(log->unqueue(message(9).id));
  reopen();
  EXPECT_THAT(log->queued().value(), ElementsAre(message(3), message(2)));
}

INSTANTIATE_TEST_SUITE_P(Both, LocalLogContract, testing::Values("memory", "sqlite"),
                         [](const auto& run) { return run.param; });

TEST(SqliteLog, IsReadableByItsOwnerOnly) {
  const TempDir dir;
  std::ofstream(dir.file()).close();
  chmod(dir.file().c_str(), 0644);
  const auto log = open_sqlite_log(dir.file()).value();
  ASSERT_TRUE(log->queue(message(1)));
  for (const char* suffix : {"", "-wal"}) {
    struct stat info {};
    ASSERT_EQ(stat((dir.file() + suffix).c_str(), &info), 0) << suffix;
    EXPECT_EQ(info.st_mode & 0777, 0600U) << suffix;
  }
}

TEST(SqliteLog, BelongsToOneAtATime) {
  const TempDir dir;
  auto first = open_sqlite_log(dir.file());
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(open_sqlite_log(dir.file()).error().code, Errc::conflict);
  first->reset();
  EXPECT_TRUE(open_sqlite_log(dir.file()).has_value());
}

TEST(SqliteLog, RefusesLinksAndForeignFiles) {
  const TempDir dir;
  const std::string target = dir.file() + ".target";
  std::ofstream(target) << std::string(8192, 'x');
  EXPECT_EQ(open_sqlite_log(target).error().code, Errc::config);
  std::filesystem::create_symlink(target, dir.file());
  EXPECT_EQ(open_sqlite_log(dir.file()).error().code, Errc::config);
}

TEST(MemoryLog, ForgetsTheOldestEntriesFirst) {
  MemoryLog log(2);
  ASSERT_TRUE(log.begin_conversation(one, Seq{0}));
  ASSERT_TRUE(log.append(one, std::vector{entry(1), entry(2), entry(3)}));
  EXPECT_THAT(seqs(log.entries(one, Seq{}, 10).value()), ElementsAre(2, 3));
  MemoryLog nothing(0);
  ASSERT_TRUE(nothing.begin_conversation(one, Seq{0}));
  ASSERT_TRUE(nothing.append(one, std::vector{entry(1)}));
  EXPECT_THAT(nothing.entries(one, Seq{}, 10).value(), IsEmpty());
  EXPECT_EQ(nothing.conversations().value()[0].last, Seq{1});
}

}  // namespace
}  // namespace parley::client
