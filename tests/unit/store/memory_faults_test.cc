#include <gtest/gtest.h>

#include "store/memory/memory_store.h"

namespace parley {
namespace {

constexpr ConversationId talk{11};

class MemoryFaultsTest : public testing::Test {
 protected:
  MemoryFaultsTest() { EXPECT_TRUE(log_.open(std::array{talk})); }
  Result<Appended> append(std::uint8_t id) {
    const NewEntry entry{talk, UserId{1}, ClientMessageId{id}, 1, "hello", 0};
    return log_.append(std::array{entry}).at(0);
  }
  Seq head() { return MemoryLogStore(database_).heads(std::array{talk})->at(0); }

  std::shared_ptr<MemoryDatabase> database_ = std::make_shared<MemoryDatabase>();
  MemoryLogStore log_{database_};
};

TEST_F(MemoryFaultsTest, AFailingCallDoesNothing) {
  database_->set_faults({.fail_calls = 2});
  EXPECT_EQ(append(1).error().code, Errc::retry_later);
  EXPECT_EQ(MemoryUserStore(database_).account_named("x").error().code, Errc::retry_later);
  EXPECT_EQ(head(), Seq{0});
  EXPECT_EQ(append(1)->seq, Seq{1});
}

TEST_F(MemoryFaultsTest, ALostReplyIsFoundByRepeating) {
  database_->set_faults({.lose_replies = 1});
  EXPECT_EQ(append(1).error().code, Errc::retry_later);
  EXPECT_EQ(head(), Seq{1});
  EXPECT_TRUE(append(1)->repeated);
}

TEST_F(MemoryFaultsTest, AFullDiskStoresNothing) {
  database_->set_faults({.fill_disk = 1});
  EXPECT_EQ(append(1).error().code, Errc::storage_full);
  EXPECT_EQ(head(), Seq{0});
}

}  // namespace
}  // namespace parley
