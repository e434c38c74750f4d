// PostgreSQL that dies, stops, is locked, is full, or finds fault with one row.
#include <libpq-fe.h>
#include <signal.h>

#include <cstring>
#include <memory>
#include <sstream>
#include <thread>

#include "store/pg/pg_store.h"
#include "tests/support/eventually.h"
#include "tests/support/servers.h"

namespace parley::test {
namespace {

using testing::ElementsAre;

constexpr ConversationId talk{11};
constexpr ConversationId other{12};

NewEntry entry(std::uint32_t number, ConversationId conversation = talk,
               std::string_view body = "hello") {
  ClientMessageId id{};
  std::memcpy(id.data(), &number, sizeof number);
  return {conversation, UserId{1}, id, 1, body, 1'000};
}

std::string in_words(const Result<Appended>& result) {
  if (!result) return std::string(name_of(result.error().code));
  return std::to_string(result->seq.value) + (result->repeated ? "r" : "");
}

class PgFaults : public testing::Test {
 protected:
  // One database for all: a server that is killed takes long to come back with many.
  static void SetUpTestSuite() { database_ = servers().fresh_database(); }

  PgFaults() : stores_(make_pg_stores(options_)) {
    servers().sql(database_, "DELETE FROM parley.log; DELETE FROM parley.conversation");
    EXPECT_TRUE(stores_.log->open(std::array{talk, other}));
  }
  // A test that leaves a stopped backend behind must not stop the server's end as well.
  ~PgFaults() override {
    signal_backends(SIGCONT);
    servers().sql(database_, "DROP FUNCTION IF EXISTS refuse, ended CASCADE");
  }

  std::vector<std::string> append(const std::vector<NewEntry>& entries) {
    std::vector<std::string> words;
    for (const auto& result : stores_.log->append(entries)) words.push_back(in_words(result));
    return words;
  }
  std::string append(std::uint32_t number) { return append(std::vector{entry(number)}).at(0); }
  std::string rows() {
    return servers().sql(database_, "SELECT count(*) || '/' || max(seq) FROM parley.log");
  }
  void signal_backends(int signal) {
    const std::string pids =
        servers().sql(database_,
                      "SELECT coalesce(string_agg(pid::text, ' '), '') FROM pg_stat_activity"
                      " WHERE usename = 'parley_app'");
    std::istringstream stream(pids);
    for (pid_t pid; stream >> pid;) kill(pid, signal);
  }

  // Kills the sessions of parley_app. PostgreSQL takes that for a crash and ends all others, too; but it does not
  // know of it at once, so a new session may come and go in between.
  void crash_backends() {
    const std::unique_ptr<PGconn, void (*)(PGconn*)> bystander(
        PQconnectdb(servers().postgres_url(database_, "postgres").c_str()), &PQfinish);
    const auto is_ended = [&] {
      PQclear(PQexec(bystander.get(), "SELECT 1"));
      return PQstatus(bystander.get()) == CONNECTION_BAD;
    };
    ASSERT_FALSE(is_ended());
    signal_backends(SIGKILL);
    ASSERT_TRUE(eventually(10s, is_ended));
  }

  static inline std::string database_;
  StoreOptions options_{.database_url = servers().postgres_url(database_)};
  PgStores stores_;
};

TEST_F(PgFaults, AConnectionThatDiedWhileIdleIsReplacedUnseen) {
  EXPECT_EQ(append(1), "1");
  for (std::uint32_t number = 2; number < 5; ++number) {
    servers().sql(database_,
                  "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                  " WHERE usename = 'parley_app'");
    EXPECT_EQ(append(number), std::to_string(number));
  }
  EXPECT_TRUE(stores_.users->account_named("ada"));
}

TEST_F(PgFaults, AConnectionThatWasCutWithoutAWordWhileIdleIsReplacedUnseen) {
  EXPECT_EQ(append(1), "1");
  ASSERT_NO_FATAL_FAILURE(crash_backends());
  const PgStores other_connection = make_pg_stores(options_);
  ASSERT_TRUE(eventually(10s, [&] { return other_connection.log->heads({}).has_value(); }));
  EXPECT_EQ(append(2), "2");
}

TEST_F(PgFaults, ASessionThatIsEndedInACallIsRetryLaterAndThenRecovers) {
  EXPECT_EQ(append(1), "1");
  // Ends the session that inserts this body, also at the one retry.
  servers().sql(
      database_,
      "CREATE FUNCTION ended() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
      " IF NEW.body = 'ended' THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF;"
      " RETURN NEW; END $$;"
      "CREATE TRIGGER ended BEFORE INSERT ON parley.log FOR EACH ROW EXECUTE FUNCTION ended();"
      "GRANT pg_signal_backend TO parley_app");
  EXPECT_THAT(append({entry(2, talk, "ended")}), ElementsAre("retry_later"));
  EXPECT_EQ(append(3), "2");
}

TEST_F(PgFaults, ARestartedServerIsFoundAgainSoon) {
  EXPECT_EQ(append(1), "1");
  ASSERT_TRUE(servers().postgres().stop(20s));
  EXPECT_EQ(append(2), "retry_later");
  EXPECT_EQ(stores_.users->account_named("ada").error().code, Errc::retry_later);
  servers().postgres();
  EXPECT_TRUE(eventually(2s, [&] { return append(2) == "2"; }));
}

TEST_F(PgFaults, WhileTheServerIsAwayCallsFailAtOnce) {
  ASSERT_TRUE(servers().postgres().stop(20s));
  append(1);
  const Instant begin = monotonic_now();
  for (int call = 0; call < 100; ++call) EXPECT_EQ(append(1), "retry_later");
  EXPECT_LT(monotonic_now() - begin, 1s);
  servers().postgres();
}

TEST_F(PgFaults, WhatWasAcknowledgedSurvivesTheServersDeath) {
  std::uint32_t acknowledged = 0;
  for (int round = 0; round < 3; ++round) {
    ASSERT_TRUE(eventually(5s, [&] { return append(acknowledged + 1) != "retry_later"; }));
    for (++acknowledged; acknowledged % 50 != 0; ++acknowledged) {
      ASSERT_EQ(append(acknowledged + 1), std::to_string(acknowledged + 1));
    }
    servers().postgres().kill();
    servers().postgres();
    const std::string count = std::to_string(acknowledged);
    EXPECT_EQ(rows(), count + "/" + count);
  }
}

TEST_F(PgFaults, AServerThatAnswersNothingIsGivenUpInTime) {
  EXPECT_EQ(append(1), "1");
  signal_backends(SIGSTOP);
  const Instant begin = monotonic_now();
  EXPECT_EQ(append(2), "retry_later");
  EXPECT_LT(monotonic_now() - begin, 6s);
  signal_backends(SIGCONT);
  // It may have been carried out or not; repeating it tells, and it is there once.
  EXPECT_TRUE(eventually(5s, [&] { return append(2).starts_with("2"); }));
  EXPECT_EQ(rows(), "2/2");
}

TEST_F(PgFaults, ALockedConversationDelaysItselfOnly) {
  EXPECT_THAT(append({entry(1), entry(1, other)}), ElementsAre("1", "1"));
  std::thread holding([&] {
    // Holds the row for three seconds.
    servers().sql(database_,
                  "BEGIN; SELECT id FROM parley.conversation WHERE id = 11 FOR UPDATE;"
                  "SELECT pg_sleep(3); COMMIT");
  });
  ASSERT_TRUE(eventually(5s, [&] {
    return servers().sql(database_,
                         "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
                         " AND datname = current_database()") == "1";
  }));
  const Instant begin = monotonic_now();
  EXPECT_THAT(append({entry(2), entry(2, other), entry(3), entry(3, other)}),
              ElementsAre("retry_later", "2", "retry_later", "3"));
  EXPECT_LT(monotonic_now() - begin, 2s);
  holding.join();
  EXPECT_THAT(append({entry(2), entry(3)}), ElementsAre("2", "3"));
}

class PgPoison : public PgFaults {
 protected:
  // Makes the database refuse bodies that are SQLSTATEs, with just that.
  PgPoison() {
    servers().sql(database_,
                  "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
                  " IF octet_length(NEW.body) = 5 AND NEW.body <> 'hello' THEN"
                  " RAISE EXCEPTION USING ERRCODE = convert_from(NEW.body, 'UTF8'); END IF;"
                  " RETURN NEW; END $$;"
                  "CREATE TRIGGER refuse BEFORE INSERT ON parley.log FOR EACH ROW"
                  " EXECUTE FUNCTION refuse()");
  }
};

TEST_F(PgPoison, ARowThatTheDatabaseRefusesFailsAlone) {
  EXPECT_THAT(append({entry(1), entry(2, other), entry(3, talk, "22023"), entry(4), entry(5, other),
                      entry(6, talk, "23514"), entry(7)}),
              ElementsAre("1", "1", "internal", "2", "2", "internal", "3"));
  EXPECT_EQ(append(8), "4");
}

TEST_F(PgPoison, AFullDiskIsSaidAndNothingIsStored) {
  EXPECT_THAT(append({entry(1), entry(2, talk, "53100"), entry(3)}),
              ElementsAre("storage_full", "storage_full", "storage_full"));
  EXPECT_EQ(append(1), "1");
}

TEST_F(PgPoison, APassingFailureStopsTheBatchSoThatNothingOvertakes) {
  EXPECT_THAT(append({entry(1), entry(2, talk, "53200"), entry(3)}),
              ElementsAre("retry_later", "retry_later", "retry_later"));
}

}  // namespace
}  // namespace parley::test
