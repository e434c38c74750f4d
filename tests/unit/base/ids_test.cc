#include "base/ids.h"

namespace parley {
namespace {

TEST(DirectConversation, IsTheSameFromBothSides) {
  EXPECT_EQ(direct_conversation(UserId{3}, UserId{7}), direct_conversation(UserId{7}, UserId{3}));
}

TEST(DirectConversation, ItsMembersCanBeReadOffItsId) {
  const auto members = members_of(direct_conversation(UserId{user_id_max}, UserId{1}));
  ASSERT_TRUE(members);
  EXPECT_EQ(members->low, UserId{1});
  EXPECT_EQ(members->high, UserId{user_id_max});
  EXPECT_EQ(members->other(UserId{1}), UserId{user_id_max});
  EXPECT_FALSE(members->has(UserId{2}));
}

TEST(DirectConversation, FitsIntoASignedInteger) {
  const auto largest = direct_conversation(UserId{user_id_max - 1}, UserId{user_id_max});
  EXPECT_EQ(largest.value >> 62, 0U);
}

TEST(DirectConversation, OtherNumbersHaveNoMembers) {
  for (const std::uint64_t number :
       {std::uint64_t{0}, std::uint64_t{5}, std::uint64_t{5} << 31, (std::uint64_t{5} << 31) | 5,
        (std::uint64_t{7} << 31) | 5, std::uint64_t{1} << 62, ~std::uint64_t{0}})
    EXPECT_FALSE(members_of(ConversationId{number})) << number;
}

}  // namespace
}  // namespace parley
