#include "gateway/user_rates.h"

namespace parley::test {
namespace {

constexpr Instant start{5000s};
constexpr UserId ann{1};
constexpr UserId bob{2};
constexpr Rate thirty_a_minute{30, 30, 60s};

TEST(UserRates, LookingPeopleUpHasARateOfItsOwn) {
  UserRates rates({10, 30}, thirty_a_minute);
  for (int i = 0; i < 30; ++i)
    ASSERT_EQ(rates.take(Verb::login_find, ann, start), Duration::zero()) << i;
  EXPECT_EQ(rates.take(Verb::login_find, ann, start), 2s);
  EXPECT_EQ(rates.take(Verb::login_find, bob, start), Duration::zero()) << "users do not share it";
  EXPECT_EQ(rates.take(Verb::c2c_send, ann, start), Duration::zero()) << "nor do verbs";
  EXPECT_EQ(rates.take(Verb::login_find, ann, start + 2s), Duration::zero());
  EXPECT_EQ(rates.take(Verb::login_find, ann, start + 2s), 2s);
}

TEST(UserRates, MessagesAreBound) {
  UserRates rates({10, 30}, thirty_a_minute);
  for (int i = 0; i < 30; ++i)
    ASSERT_EQ(rates.take(Verb::c2c_send, ann, start), Duration::zero()) << i;
  EXPECT_EQ(rates.take(Verb::c2c_send, ann, start), 100ms);
}

TEST(UserRates, OtherVerbsAndRatesOfZeroAreNotBound) {
  UserRates rates({1, 1}, {});
  for (int i = 0; i < 1'000; ++i) {
    ASSERT_EQ(rates.take(Verb::login_find, ann, start), Duration::zero());
    ASSERT_EQ(rates.take(Verb::c2c_pull, ann, start), Duration::zero());
  }
}

}  // namespace
}  // namespace parley::test
