// A worker refuses a PostgreSQL that would acknowledge what it may lose, wherever that is set.
#include "store/log_store.h"
#include "store/pg/connection.h"
#include "store/pg/durability.h"
#include "store/pg/pg_store.h"
#include "tests/support/announced_errors.h"
#include "tests/support/eventually.h"
#include "tests/support/servers.h"

namespace parley::test {
namespace {

class Durability : public testing::Test {
 protected:
  static void SetUpTestSuite() { database_ = servers().fresh_database(); }

  ~Durability() override {
    set_server("RESET ALL");
    servers().sql("postgres",
                  "ALTER ROLE parley_app RESET synchronous_commit;"
                  "ALTER ROLE parley_ro RESET synchronous_commit;"
                  "ALTER DATABASE " +
                      database_ + " RESET synchronous_commit");
  }
  // ALTER SYSTEM is not for transactions, so one statement at a time; done when a new session sees
  // it.
  void set_server(const std::string& what) {
    servers().sql("postgres", "ALTER SYSTEM " + what);
    servers().sql("postgres", "SELECT pg_reload_conf()");
  }
  static std::string shown(PgConnection& session, const std::string& setting) {
    const auto rows = session.run("SHOW " + setting);
    return rows ? std::string(rows->bytes(0, 0)) : rows.error().error.detail;
  }
  std::string detail() const {
    const Status status = check_database(options_);
    if (status) return "durable";
    EXPECT_EQ(status.error().code, Errc::config);
    return status.error().detail;
  }
  void expect_refused_over(const std::string& what) {
    EXPECT_TRUE(eventually(5s, [&] { return detail().find(what) != std::string::npos; }))
        << detail();
  }

  static inline std::string database_;
  StoreOptions options_{.database_url = servers().postgres_url(database_)};
};

TEST_F(Durability, AServerAsItShouldBeIsAccepted) { EXPECT_EQ(detail(), "durable"); }

TEST_F(Durability, FsyncOffOnTheServerIsRefused) {
  set_server("SET fsync = off");
  expect_refused_over("fsync = off");
}

TEST_F(Durability, FullPageWritesOffOnTheServerIsRefused) {
  set_server("SET full_page_writes = off");
  expect_refused_over("full_page_writes = off");
}

TEST_F(Durability, SynchronousCommitOffOnTheServerIsRefused) {
  for (const char* value : {"off", "local", "remote_write"}) {
    set_server(std::string("SET synchronous_commit = ") + value);
    expect_refused_over(std::string("synchronous_commit = ") + value);
  }
}

TEST_F(Durability, SynchronousCommitOffForTheDatabaseIsRefused) {
  servers().sql(database_, "ALTER DATABASE " + database_ + " SET synchronous_commit = off");
  expect_refused_over("synchronous_commit");
}

TEST_F(Durability, SynchronousCommitOffForTheRoleIsRefused) {
  servers().sql(database_, "ALTER ROLE parley_app SET synchronous_commit = off");
  expect_refused_over("synchronous_commit");
}

TEST_F(Durability, SynchronousCommitOffForAnotherRoleIsRefusedAndNamed) {
  servers().sql(database_, "ALTER ROLE parley_ro SET synchronous_commit = 'off'");
  expect_refused_over("role parley_ro: synchronous_commit=off");
}

TEST_F(Durability, AConnectionStringThatSwitchesItOnDoesNotHideTheRole) {
  servers().sql(database_, "ALTER ROLE parley_app SET synchronous_commit = off");
  options_.database_url += "&options=-csynchronous_commit%3Don";
  expect_refused_over("role parley_app");
}

TEST_F(Durability, AConnectionStringThatSwitchesItOffIsRefused) {
  options_.database_url += "&options=-csynchronous_commit%3Doff";
  expect_refused_over("synchronous_commit = off");
}

TEST_F(Durability, AnotherDatabasesSettingIsItsOwnAffair) {
  const std::string neighbour = servers().empty_database();
  servers().sql(neighbour, "ALTER DATABASE " + neighbour + " SET synchronous_commit = off");
  EXPECT_EQ(detail(), "durable");
}

TEST_F(Durability, SwitchedOffLaterItIsRefusedByTheNextConnection) {
  const AnnouncedError announced("store.not_durable");
  servers().sql(database_, "ALTER ROLE parley_app SET synchronous_commit = off");
  const auto log = make_pg_log_store(options_);
  const Status opened = log->open(std::array{ConversationId{1}});
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Errc::retry_later);
  EXPECT_EQ(servers().sql(database_, "SELECT count(*) FROM parley.conversation"), "0");
}

TEST_F(Durability, SwitchedOffLaterOnTheServerItStaysOnInOpenSessions) {
  PgConnection session(options_.database_url, PgConnection::Purpose::serve);
  ASSERT_EQ(shown(session, "synchronous_commit"), "on");
  set_server("SET synchronous_commit = off");
  set_server("SET work_mem = '5MB'");
  // It has read the file in which both stand.
  ASSERT_TRUE(eventually(5s, [&] { return shown(session, "work_mem") == "5MB"; }));
  EXPECT_EQ(shown(session, "synchronous_commit"), "on");
}

TEST_F(Durability, ASessionThatWaitsForReplicasGoesOnDoingSo) {
  options_.database_url += "&options=-csynchronous_commit%3Dremote_apply";
  PgConnection session(options_.database_url, PgConnection::Purpose::serve);
  EXPECT_EQ(shown(session, "synchronous_commit"), "remote_apply");
}

// An append of one row takes 0.2 s instead of 0.1 ms when it is compiled first.
TEST_F(Durability, ASessionCompilesNoQueryWhateverTheServerDoes) {
  set_server("SET jit = on");
  EXPECT_TRUE(eventually(5s, [&] {
    PgConnection plain(options_.database_url, PgConnection::Purpose::administer);
    return shown(plain, "jit") == "on";
  }));
  PgConnection session(options_.database_url, PgConnection::Purpose::serve);
  EXPECT_EQ(shown(session, "jit"), "off");
}

}  // namespace
}  // namespace parley::test
