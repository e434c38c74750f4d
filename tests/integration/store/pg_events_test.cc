// What makes "from now on" exact: appends and first subscriptions exclude each other (event_gate).
#include <atomic>
#include <thread>

#include "store/pg/pg_event_store.h"
#include "store/pg/pg_log_store.h"
#include "tests/support/eventually.h"
#include "tests/support/servers.h"

namespace parley::test {
namespace {

constexpr ConversationId talk{(1ULL << 31) | 2};
constexpr InstanceId payroll{7};

// Two sessions; what a store does between begin() and commit() of its session is one transaction.
struct EventGate : testing::Test {
  std::string database = servers().fresh_database();
  std::shared_ptr<PgConnection> writer = connect();
  std::shared_ptr<PgConnection> subscriber = connect();
  PgLogStore log{writer};
  PgEventStore events{subscriber};
  std::uint8_t said = 0;

  std::shared_ptr<PgConnection> connect() const {
    return std::make_shared<PgConnection>(servers().postgres_url(database),
                                          PgConnection::Purpose::serve);
  }
  void SetUp() override { ASSERT_TRUE(log.open(std::array{talk})); }

  static void begin(PgConnection& session) { ASSERT_TRUE(session.run("BEGIN")); }
  static void commit(PgConnection& session) { ASSERT_TRUE(session.run("COMMIT")); }
  Result<Appended> say() {
    return log.append(std::array{NewEntry{talk, UserId{1}, {++said}, 1, "x", 1}})[0];
  }
  Result<EventCursor> subscribe() { return events.subscribe(payroll, {.messages = true}); }
  std::vector<std::uint64_t> told() {
    EXPECT_TRUE(events.sweep({}, 1, Busy::wait));
    std::vector<std::uint64_t> seqs;
    const auto page = events.pull(payroll, EventCursor{}, {});
    EXPECT_TRUE(page);
    for (const Event& event : page->events)
      seqs.push_back(std::get<LoggedEvent>(event.what).entry.seq.value);
    return seqs;
  }
};

TEST_F(EventGate, ASubscriptionWaitsForAppendsThatDoNotKnowOfIt) {
  begin(*writer);
  ASSERT_TRUE(say());
  const auto early = subscribe();
  ASSERT_FALSE(early) << "an append is not over, and nobody would be told of it";
  EXPECT_EQ(early.error().code, Errc::retry_later);
  commit(*writer);
  ASSERT_TRUE(subscribe());
  ASSERT_TRUE(say());
  EXPECT_EQ(told(), std::vector<std::uint64_t>{2});
}

TEST_F(EventGate, AnAppendThatWaitedForASubscriptionKnowsOfIt) {
  begin(*subscriber);
  ASSERT_TRUE(subscribe());
  std::atomic<bool> done = false;
  std::thread append([&] {
    EXPECT_TRUE(say());
    done = true;
  });
  EXPECT_TRUE(eventually(5s, [&] {
    return servers().sql(database, "SELECT count(*) FROM pg_locks WHERE NOT granted") == "1";
  }));
  EXPECT_FALSE(done);
  commit(*subscriber);
  append.join();
  EXPECT_EQ(told(), std::vector<std::uint64_t>{1});
}

TEST_F(EventGate, WhoReadsTheWholeDatabaseIsNotInTheWay) {
  const auto dump = connect();
  begin(*dump);
  ASSERT_TRUE(dump->run("SELECT count(*) FROM parley.event_gate, parley.event_subscription"));
  EXPECT_TRUE(subscribe());
  EXPECT_TRUE(say());
  EXPECT_EQ(told(), std::vector<std::uint64_t>{1});
  commit(*dump);
}

TEST_F(EventGate, ASweepSkipsWhatIsLockedAndAPatientOneWaits) {
  ASSERT_TRUE(subscribe());
  ASSERT_TRUE(say());
  begin(*writer);
  ASSERT_TRUE(say());
  const auto skipped = events.sweep({}, 1, Busy::skip);
  ASSERT_TRUE(skipped);
  EXPECT_EQ(skipped->conversations, 0U);
  EXPECT_EQ(events.sweep({}, 1, Busy::wait).error().code, Errc::retry_later);
  commit(*writer);
  EXPECT_EQ(told(), (std::vector<std::uint64_t>{1, 2}));
}

// The mark is made once however much is said, and costs the indexes nothing while nobody listens.
TEST_F(EventGate, IndexesAreTouchedOnlyWhenTheMarkComesAndGoes) {
  const auto cold_updates = [&] {
    EXPECT_TRUE(writer->run("SELECT pg_stat_force_next_flush()"));
    return servers().sql(database,
                         "SELECT n_tup_upd - n_tup_hot_upd FROM pg_stat_user_tables"
                         " WHERE relname = 'conversation'");
  };
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(say());
  EXPECT_EQ(cold_updates(), "0");
  ASSERT_TRUE(subscribe());
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(say());
  EXPECT_EQ(cold_updates(), "1");
}

}  // namespace
}  // namespace parley::test
