// Redis that holds nonsense, is stopped, or is gone.
#include <signal.h>

#include "store/redis/circuit_breaker.h"
#include "store/redis/redis_route_store.h"
#include "store/redis/redis_store.h"
#include "tests/support/eventually.h"
#include "tests/support/refill.h"
#include "tests/support/servers.h"

namespace parley::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr UserId ada{1};
constexpr UserId ben{2};
constexpr InstanceId east{77};

class RedisFaults : public testing::Test {
 protected:
  RedisFaults() {
    servers().redis({"FLUSHALL"});
    EXPECT_TRUE(routes_->add(east, std::array{ada, ben}));
    EXPECT_TRUE(refill(*routes_));
  }
  static Duration time_of(const std::function<void()>& action) {
    const Instant begin = monotonic_now();
    action();
    return monotonic_now() - begin;
  }

  StoreOptions options_{.redis_url = servers().redis_url()};
  std::unique_ptr<RouteStore> routes_ = make_redis_route_store(options_);
};

TEST_F(RedisFaults, AKeyOfAnotherTypeIsAbsentAndEverythingReportedAgain) {
  servers().redis({"SET", "parley:route:1", "nonsense"});
  const auto found = routes_->lookup(std::array{ada, ben});
  ASSERT_TRUE(found) << found.error().detail;
  EXPECT_TRUE(found->emptied);
  EXPECT_THAT(found->gateways[0], IsEmpty());
  EXPECT_THAT(found->gateways[1], ElementsAre(east));
  EXPECT_EQ(servers().redis({"EXISTS", "parley:route:1"}), "0");
  EXPECT_TRUE(routes_->lookup(std::array{ben})->emptied) << "until somebody refilled it";
}

TEST_F(RedisFaults, ARouteThatNobodyReportsAgainExpires) {
  const auto seconds_left = [] { return std::stoi(servers().redis({"TTL", "parley:route:1"})); };
  EXPECT_THAT(seconds_left(), testing::AllOf(testing::Gt(3'500), testing::Le(3'600)));
  servers().redis({"EXPIRE", "parley:route:1", "10"});
  EXPECT_TRUE(routes_->add(east, std::array{ada}));
  EXPECT_GT(seconds_left(), 3'500) << "reporting it again prolongs it";
}

TEST_F(RedisFaults, AddingToAKeyOfAnotherTypeReplacesIt) {
  servers().redis({"SET", "parley:route:1", "nonsense"});
  EXPECT_TRUE(routes_->add(east, std::array{ben, ada}));
  EXPECT_THAT(routes_->lookup(std::array{ada})->gateways[0], ElementsAre(east));
  servers().redis({"SET", "parley:route:1", "nonsense"});
  EXPECT_TRUE(routes_->remove(east, std::array{ada}));
}

TEST_F(RedisFaults, MembersThatAreNoIdsAreRemoved) {
  servers().redis({"SADD", "parley:route:1", "", "0", "-3", "x", " 5", "77x",
                   "99999999999999999999999",
                   std::string("7\0"
                               "7",
                               3),
                   "077"});
  EXPECT_THAT(routes_->lookup(std::array{ada})->gateways[0], ElementsAre(east));
  EXPECT_EQ(servers().redis({"SCARD", "parley:route:1"}), "2")
      << "77, and 077, which says the same";
}

TEST_F(RedisFaults, AnEndlessSetIsReadInPartOnly) {
  std::vector<std::string> words{"SADD", "parley:route:1"};
  for (int id = 1'000; id < 20'000; ++id) words.push_back(std::to_string(id));
  servers().redis(words);
  EXPECT_THAT(routes_->lookup(std::array{ada})->gateways[0], SizeIs(RedisRouteStore::gateways_max));
}

TEST_F(RedisFaults, AMarkOfAnotherTypeIsReplaced) {
  for (const char* mark : {"parley:routes:emptied", "parley:routes:complete"}) {
    servers().redis({"DEL", mark});
    servers().redis({"LPUSH", mark, "nonsense"});
    EXPECT_TRUE(routes_->lookup(std::array{ada})->emptied) << mark;
    EXPECT_TRUE(refill(*routes_));
    EXPECT_FALSE(routes_->lookup(std::array{ada})->emptied) << mark;
  }
}

TEST_F(RedisFaults, AMarkThatIsNonsenseIsReplaced) {
  for (const char* mark : {"parley:routes:emptied", "parley:routes:complete"}) {
    for (const char* nonsense : {"", "0", "-1", "1x", " 1", "01", "99999999999999999999"}) {
      servers().redis({"SET", mark, nonsense});
      const auto found = routes_->lookup(std::array{ada});
      ASSERT_TRUE(found) << found.error().detail;
      ASSERT_TRUE(found->emptied) << mark << " " << nonsense;
      EXPECT_EQ(routes_->lookup(std::array{ada})->emptied, found->emptied);
      EXPECT_TRUE(refill(*routes_));
      EXPECT_FALSE(routes_->lookup(std::array{ada})->emptied) << mark << " " << nonsense;
    }
  }
}

TEST_F(RedisFaults, AKeyThatIsSpoiltWhileOthersAreReportedAgainIsAskedForToo) {
  servers().redis({"FLUSHALL"});
  const auto before = routes_->lookup(std::array{ada})->emptied;
  ASSERT_TRUE(before);
  servers().redis({"SET", "parley:route:1", "nonsense"});
  EXPECT_NE(routes_->lookup(std::array{ada})->emptied, before);
  EXPECT_TRUE(routes_->mark_refilled(*before));
  EXPECT_TRUE(routes_->lookup(std::array{ada})->emptied) << "nobody has reported it since";
}

TEST_F(RedisFaults, RoutesAreForgottenWhenNobodyRenewsThem) {
  const int seconds = std::stoi(servers().redis({"TTL", "parley:route:1"}));
  EXPECT_GT(seconds, 3'500);
  EXPECT_LE(seconds, 3'600);
}

TEST_F(RedisFaults, AFullCacheIsRetryLater) {
  servers().redis({"CONFIG", "SET", "maxmemory", "1"});
  const Status added = routes_->add(east, std::array{ada});
  servers().redis({"CONFIG", "SET", "maxmemory", "0"});
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().code, Errc::retry_later);
  EXPECT_TRUE(routes_->add(east, std::array{ada}));
}

TEST_F(RedisFaults, AStoppedServerCostsACallsLimitAndSoonNothing) {
  // A busy machine may hold us up beyond the limit, but not by an order of magnitude.
  constexpr Duration generous = 5 * RedisRouteStore::call_limit;
  const pid_t pid = servers().redis_server().pid();
  kill(pid, SIGSTOP);
  for (std::size_t call = 0; call < CircuitBreaker::failures_to_open; ++call) {
    const Duration took = time_of(
        [&] { EXPECT_EQ(routes_->lookup(std::array{ada}).error().code, Errc::retry_later); });
    EXPECT_LT(took, generous);
  }
  // The breaker is open: nothing waits, but for one probe each half second.
  EXPECT_LT(time_of([&] {
              for (int call = 0; call < 1'000; ++call)
                EXPECT_FALSE(routes_->lookup(std::array{ada}));
            }),
            generous);
  kill(pid, SIGCONT);
  EXPECT_TRUE(eventually(3s, [&] { return routes_->lookup(std::array{ada}).has_value(); }));
  EXPECT_THAT(routes_->lookup(std::array{ada})->gateways[0], ElementsAre(east));
}

TEST_F(RedisFaults, AKilledServerIsFoundAgainEmptyAndSaidToBe) {
  servers().redis_server().kill();
  EXPECT_FALSE(routes_->lookup(std::array{ada}));
  EXPECT_FALSE(routes_->add(east, std::array{ada}));
  servers().redis_server();
  EXPECT_TRUE(eventually(3s, [&] { return routes_->lookup(std::array{ada}).has_value(); }));
  EXPECT_TRUE(routes_->lookup(std::array{ada})->emptied);
}

}  // namespace
}  // namespace parley::test
