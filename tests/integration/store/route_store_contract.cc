// What every RouteStore promises, run against Redis and against its in-memory twin.
#include "tests/integration/store/backends.h"
#include "tests/support/refill.h"

namespace parley::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

constexpr UserId ada{1};
constexpr UserId ben{2};
constexpr InstanceId east{77};
constexpr InstanceId west{~0ULL};

class RouteStoreContract : public testing::TestWithParam<const char*> {
 protected:
  RouteStoreContract() : backend_(make_backend(GetParam())), routes_(backend_->routes()) {}

  std::unique_ptr<Backend> backend_;
  std::unique_ptr<RouteStore> routes_;
};

TEST_P(RouteStoreContract, AnEmptyCacheIsIncompleteUntilItIsRefilled) {
  EXPECT_TRUE(routes_->lookup(std::array{ada})->emptied);
  EXPECT_TRUE(routes_->add(east, std::array{ada}));
  EXPECT_TRUE(routes_->lookup(std::array{ada})->emptied) << "one route is not all";
  EXPECT_TRUE(refill(*routes_));
  EXPECT_FALSE(routes_->lookup(std::array{ada})->emptied);
}

TEST_P(RouteStoreContract, RoutesAreListedInTheOrderAsked) {
  EXPECT_TRUE(routes_->add(east, std::array{ada, ben}));
  EXPECT_TRUE(routes_->add(west, std::array{ada}));
  EXPECT_TRUE(routes_->add(west, std::array{ada}));
  const auto found = routes_->lookup(std::array{ben, UserId{9}, ada, ben});
  ASSERT_TRUE(found);
  ASSERT_EQ(found->gateways.size(), 4U);
  EXPECT_THAT(found->gateways[0], ElementsAre(east));
  EXPECT_THAT(found->gateways[1], IsEmpty());
  EXPECT_THAT(found->gateways[2], UnorderedElementsAre(east, west));
  EXPECT_THAT(found->gateways[3], ElementsAre(east));
}

TEST_P(RouteStoreContract, RemovingTakesOneGatewayOfThoseUsers) {
  routes_->add(east, std::array{ada, ben});
  routes_->add(west, std::array{ada});
  EXPECT_TRUE(routes_->remove(east, std::array{ada, UserId{9}}));
  const auto found = routes_->lookup(std::array{ada, ben});
  EXPECT_THAT(found->gateways[0], ElementsAre(west));
  EXPECT_THAT(found->gateways[1], ElementsAre(east));
}

TEST_P(RouteStoreContract, NobodyIsAskedForAndAddedWithoutHarm) {
  EXPECT_TRUE(routes_->add(east, {}));
  EXPECT_TRUE(routes_->remove(east, {}));
  EXPECT_THAT(routes_->lookup({})->gateways, IsEmpty());
}

TEST_P(RouteStoreContract, AnEmptiedCacheIsIncompleteAgain) {
  routes_->add(east, std::array{ada});
  refill(*routes_);
  backend_->forget_routes();
  const auto found = routes_->lookup(std::array{ada});
  EXPECT_TRUE(found->emptied);
  EXPECT_THAT(found->gateways[0], IsEmpty());
}

TEST_P(RouteStoreContract, WhoRefillsWhatWasEmptiedAgainMeanwhileDoesNotSayItIsComplete) {
  const auto first = routes_->lookup(std::array{ada})->emptied;
  ASSERT_TRUE(first);
  backend_->forget_routes();
  const auto second = backend_->routes()->lookup(std::array{ada})->emptied;
  ASSERT_TRUE(second);
  EXPECT_NE(first, second);
  EXPECT_EQ(routes_->lookup(std::array{ada})->emptied, second) << "one number for everybody";
  EXPECT_TRUE(routes_->mark_refilled(*first));
  EXPECT_EQ(routes_->lookup(std::array{ada})->emptied, second);
  EXPECT_TRUE(routes_->mark_refilled(*second));
  EXPECT_FALSE(routes_->lookup(std::array{ada})->emptied);
}

TEST_P(RouteStoreContract, OtherConnectionsSeeWhatIsAdded) {
  routes_->add(east, std::array{ada});
  refill(*routes_);
  const auto found = backend_->routes()->lookup(std::array{ada});
  EXPECT_THAT(found->gateways[0], ElementsAre(east));
  EXPECT_FALSE(found->emptied);
}

TEST_P(RouteStoreContract, ThousandsOfUsersAreOneCall) {
  std::vector<UserId> users;
  for (std::uint64_t id = 1; id <= 5'000; ++id) users.emplace_back(id);
  EXPECT_TRUE(routes_->add(east, users));
  const auto found = routes_->lookup(users);
  ASSERT_TRUE(found) << found.error().detail;
  EXPECT_THAT(found->gateways, testing::Each(ElementsAre(east)));
}

INSTANTIATE_TEST_SUITE_P(Of, RouteStoreContract, testing::Values("memory", "redis"),
                         [](const auto& test) { return std::string(test.param); });

}  // namespace
}  // namespace parley::test
