// What the roles of the schema may not do.
#include <libpq-fe.h>

#include "store/pg/migrate.h"
#include "tests/support/servers.h"

namespace parley::test {
namespace {

class Roles : public testing::Test {
 protected:
  // Migrated itself, not copied from a template: rights on a database are not copied.
  static void SetUpTestSuite() {
    database_ = servers().empty_database();
    ASSERT_TRUE(migrate(servers().postgres_url(database_, "postgres")));
    servers().sql(database_,
                  "INSERT INTO parley.conversation (id, head) VALUES (1, 1);"
                  "INSERT INTO parley.log VALUES (1, 1, 0, 0, gen_random_uuid(), 1, 1, 'x')");
  }
  // The SQLSTATE of the refusal; "" if it was done.
  static std::string as(const std::string& role, const std::string& sql) {
    const std::unique_ptr<PGconn, void (*)(PGconn*)> connection(
        PQconnectdb(servers().postgres_url(database_, role).c_str()), &PQfinish);
    EXPECT_EQ(PQstatus(connection.get()), CONNECTION_OK) << PQerrorMessage(connection.get());
    const std::unique_ptr<PGresult, void (*)(PGresult*)> result(
        PQexec(connection.get(), sql.c_str()), &PQclear);
    const char* state = PQresultErrorField(result.get(), PG_DIAG_SQLSTATE);
    return state == nullptr ? "" : state;
  }
  static std::string setting(const std::string& role, const std::string& name) {
    const std::unique_ptr<PGconn, void (*)(PGconn*)> connection(
        PQconnectdb(servers().postgres_url(database_, role).c_str()), &PQfinish);
    const std::unique_ptr<PGresult, void (*)(PGresult*)> result(
        PQexec(connection.get(), ("SHOW " + name).c_str()), &PQclear);
    return PQgetvalue(result.get(), 0, 0);
  }

  static constexpr const char* refused = "42501";
  static inline std::string database_;
};

TEST_F(Roles, TheWorkersCanAddToTheLogAndNothingElse) {
  EXPECT_EQ(as("parley_app", "SELECT * FROM parley.log"), "");
  EXPECT_EQ(
      as("parley_app", "INSERT INTO parley.log VALUES (1, 2, 0, 0, gen_random_uuid(), 1, 1, 'y')"),
      "");
  EXPECT_EQ(as("parley_app", "UPDATE parley.log SET seq = 9"), refused);
  EXPECT_EQ(as("parley_app", "UPDATE parley.log SET body = 'z'"), refused);
  EXPECT_EQ(as("parley_app", "DELETE FROM parley.log"), refused);
  EXPECT_EQ(as("parley_app", "TRUNCATE parley.log"), refused);
  EXPECT_EQ(as("parley_app", "DROP TABLE parley.log"), refused);
  EXPECT_EQ(as("parley_app", "ALTER TABLE parley.log ADD COLUMN x int"), refused);
  EXPECT_EQ(as("parley_app", "DELETE FROM parley.log_00"), refused);
}

TEST_F(Roles, TheWorkersCannotRemoveConversationsOrAccounts) {
  EXPECT_EQ(as("parley_app", "UPDATE parley.conversation SET head = head"), "");
  EXPECT_EQ(as("parley_app", "UPDATE parley.conversation SET id = 2"), refused);
  EXPECT_EQ(as("parley_app", "DELETE FROM parley.conversation"), refused);
  EXPECT_EQ(as("parley_app", "DELETE FROM parley.account"), refused);
  EXPECT_NE(as("parley_app", "UPDATE parley.account SET id = 5"), "");
  EXPECT_EQ(as("parley_app", "UPDATE parley.account SET name = 'x'"), refused);
  EXPECT_EQ(as("parley_app", "DELETE FROM parley.user_conversation"), refused);
  EXPECT_EQ(as("parley_app", "UPDATE parley.user_conversation SET account = 1"), refused);
}

TEST_F(Roles, NobodyButTheOwnerMakesAnything) {
  for (const char* role : {"parley_app", "parley_ro"}) {
    EXPECT_NE(as(role, "CREATE TABLE public.x ()"), "") << role;
    EXPECT_NE(as(role, "CREATE TABLE parley.x ()"), "") << role;
    EXPECT_NE(as(role, "CREATE TEMP TABLE x ()"), "") << role;
    EXPECT_EQ(as(role, "SET ROLE parley_owner"), refused) << role;
    EXPECT_NE(as(role, "INSERT INTO parley.migration VALUES (99, 'x', 'x')"), "") << role;
  }
}

TEST_F(Roles, ThoseWhoLookSeeNoSecretsAndChangeNothing) {
  EXPECT_EQ(as("parley_ro", "SELECT id, name FROM parley.account"), "");
  EXPECT_EQ(as("parley_ro", "SELECT * FROM parley.log"), "");
  EXPECT_EQ(as("parley_ro", "SELECT password_hash FROM parley.account"), refused);
  EXPECT_EQ(as("parley_ro", "SELECT token FROM parley.device"), refused);
  EXPECT_EQ(as("parley_ro", "SELECT rotation_key FROM parley.device"), refused);
  EXPECT_EQ(as("parley_ro", "BEGIN READ WRITE; UPDATE parley.conversation SET head = 0"), refused);
}

TEST_F(Roles, TheWorkersWaitForNothingForLong) {
  EXPECT_EQ(setting("parley_app", "statement_timeout"), "3s");
  EXPECT_EQ(setting("parley_app", "lock_timeout"), "1s");
  EXPECT_EQ(setting("parley_app", "idle_in_transaction_session_timeout"), "5s");
}

TEST_F(Roles, StrangersDoNotEvenConnect) {
  servers().sql(database_, "DROP ROLE IF EXISTS stranger");
  servers().sql(database_, "CREATE ROLE stranger LOGIN");
  EXPECT_EQ(servers().sql(database_,
                          "SELECT has_database_privilege('stranger', current_database(),"
                          " 'CONNECT')::text || has_schema_privilege('stranger',"
                          " 'public', 'USAGE')::text"),
            "falsefalse");
}

}  // namespace
}  // namespace parley::test
