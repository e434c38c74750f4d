// A PostgreSQL and a Redis of this test program alone, in a temporary directory; started at first
// use, stopped and removed at its end, also when the program crashes or is killed. Main thread
// only.
#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "cli/private_servers.h"

namespace parley::test {

class Servers {
 public:
  Servers();
  ~Servers();
  Servers(const Servers&) = delete;
  Servers& operator=(const Servers&) = delete;

  // A new database with the schema of this build; gone with the server. Aborts the program if a
  // server does not start: nothing that wants one can say anything without it.
  std::string fresh_database();
  // The same without any schema.
  std::string empty_database();
  // Connection string for a database and role (postgres, parley_migrate, parley_app, parley_ro).
  std::string postgres_url(const std::string& database, const std::string& role = "parley_app");
  std::string redis_url();

  // Runs SQL as superuser; the first column of the first row, "" if there is none. Fails the test
  // on error.
  std::string sql(const std::string& database, const std::string& text);
  // One command; its reply in words. Fails the test on error.
  std::string redis(const std::vector<std::string>& words);

  // For tests that kill, stop, or start them again.
  RunningServer& postgres();
  RunningServer& redis_server();

 private:
  std::string directory_;
  int janitor_ = -1;
  std::unique_ptr<PrivatePostgres> postgres_;
  std::unique_ptr<PrivateRedis> redis_;
  std::unique_ptr<RunningServer> running_postgres_;
  std::unique_ptr<RunningServer> running_redis_;
  bool has_template_ = false;
  unsigned databases_ = 0;
};

// Those of this program.
Servers& servers();

}  // namespace parley::test
