// PostgreSQL: dead, slow, full, locked, out of connections.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <charconv>
#include <memory>

#include "store/pg/connection.h"
#include "tests/fault/havoc.h"
#include "tests/fault/tracer.h"
#include "tests/support/eventually.h"

namespace parley::test {
namespace {

constexpr const char* server = "postgres";
constexpr const char* own_backends =
    "FROM pg_stat_activity WHERE usename = 'parley_app' AND backend_type = 'client backend'";

std::int64_t number(Cluster& cluster, const std::string& query) {
  const Cluster::Rows rows = cluster.sql(query);
  std::int64_t value = 0;
  if (!rows.empty() && !rows[0].empty())
    std::from_chars(rows[0][0].data(), rows[0][0].data() + rows[0][0].size(), value);
  return value;
}

// In milliseconds: another life of the postmaster has another one.
std::int64_t started_at(Cluster& cluster) {
  return number(cluster,
                "SELECT (extract(epoch FROM pg_postmaster_start_time()) * 1000)::bigint");
}

Proof restarted(std::int64_t before, std::int64_t after) {
  return grown(before, after, "postmaster started at");
}

// SIGQUIT is what `pg_ctl stop -m immediate` sends.
Broken crash(Scene& scene, int signal) {
  const std::int64_t before = started_at(scene.cluster);
  ::kill(static_cast<pid_t>(scene.cluster.pid(server)), signal);
  EXPECT_TRUE(eventually(10s, [&] { return !scene.cluster.is_running(server); }));
  return {server, [=, &scene] {
            scene.cluster.start(server);
            return restarted(before, started_at(scene.cluster));
          }};
}

Broken terminate_backends(Scene& scene) {
  const std::int64_t ended = number(
      scene.cluster, fmt::format("SELECT count(pg_terminate_backend(pid)) {}", own_backends));
  return {server, [=] { return grown(0, ended, "backends terminated"); }};
}

using Connections = std::vector<std::unique_ptr<PgConnection>>;

// Until the server has no room for one more.
void take_all(const std::string& url, Connections& connections) {
  constexpr std::size_t ample = 500;
  while (connections.size() < ample) {
    auto next = std::make_unique<PgConnection>(url, PgConnection::Purpose::administer);
    if (!next->run("SELECT 1")) return;
    connections.push_back(std::move(next));
  }
}

// All that there are, and those that workers have are taken from them.
Broken use_up_connections(Scene& scene) {
  const auto taken = std::make_shared<Connections>();
  const std::string url = scene.cluster.database_url() + "&application_name=chaos";
  take_all(url, *taken);
  const std::int64_t before =
      number(scene.cluster, fmt::format("SELECT count(pg_terminate_backend(pid)) {} AND "
                                        "application_name <> 'chaos'",
                                        own_backends));
  take_all(url, *taken);
  return {server, [=]() -> Proof {
            PgConnection one_more(url, PgConnection::Purpose::administer);
            const bool refused = !one_more.run("SELECT 1");
            const auto count = static_cast<std::int64_t>(taken->size());
            taken->clear();
            return {.before = 0,
                    .after = refused ? count : 0,
                    .words = fmt::format("{} connections taken, {} workers' ended, one more {}",
                                         count, before, refused ? "refused" : "not refused")};
          }};
}

// Somebody else's transaction; who wants the same waits for it.
Broken lock(Scene& scene, const std::string& target, const std::string& statement) {
  const auto holder = std::make_shared<PgConnection>(scene.cluster.superuser_url(),
                                                     PgConnection::Purpose::administer);
  EXPECT_TRUE(holder->run("BEGIN"));
  EXPECT_TRUE(holder->run(statement));
  const auto waited = std::make_shared<std::int64_t>(0);
  Cluster& cluster = scene.cluster;
  const auto look = [&cluster] {
    return number(cluster,
                  "SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid) "
                  "WHERE NOT l.granted AND a.usename = 'parley_app'");
  };
  // Who waits gives up after a second and comes again after a pause.
  eventually(3s, [&] { return (*waited = look()) > 0; });
  return {target, [=]() -> Proof {
            EXPECT_TRUE(holder->run("ROLLBACK"));
            return grown(0, *waited, "backends waiting for the lock");
          }};
}

Broken lock_row(Scene& scene) {
  const std::int64_t id = number(
      scene.cluster, "SELECT id FROM parley.conversation ORDER BY head DESC, random() LIMIT 1");
  return lock(scene, fmt::format("row of conversation {}", id),
              fmt::format("SELECT FROM parley.conversation WHERE id = {} FOR UPDATE", id));
}

Broken lock_table(Scene& scene) {
  return lock(scene, "parley.conversation",
              "LOCK TABLE parley.conversation IN ACCESS EXCLUSIVE MODE");
}

std::vector<std::int64_t> backends(Cluster& cluster, const std::string& which) {
  std::vector<std::int64_t> pids;
  for (const auto& row : cluster.sql("SELECT pid FROM pg_stat_activity WHERE " + which))
    pids.push_back(std::stol(row.at(0)));
  return pids;
}

constexpr const char* who_writes = "backend_type IN ('client backend', 'walwriter', 'checkpointer')"
                                   " AND pid <> pg_backend_pid()";

Broken slow_disk(Scene& scene) {
  const auto tracer = std::make_shared<Tracer>(backends(scene.cluster, who_writes),
                                               "fdatasync", "delay_enter=500000");
  return {server, [=] { return grown(0, tracer->finish(), "fdatasync delayed by 500 ms"); }};
}

bool accepts(Cluster& cluster) {
  return PgConnection(cluster.superuser_url(), PgConnection::Purpose::administer)
      .run("SELECT 1")
      .has_value();
}

// PostgreSQL takes a failed write or sync of its log for the end, and recovers from what is there.
// Only who is there now is hit: the next generation finds the disk in order.
Broken broken_disk(Scene& scene, const std::string& call, const std::string& error) {
  Cluster& cluster = scene.cluster;
  const auto tracer = std::make_shared<Tracer>(
      backends(cluster, "usename = 'parley_app' AND backend_type = 'client backend'"), call,
      "error=" + error);
  return {server, [=, &cluster] {
            if (!cluster.is_running(server)) cluster.start(server);
            const std::int64_t failed = tracer->finish();
            EXPECT_TRUE(eventually(30s, [&] { return accepts(cluster); }));
            return grown(0, failed, fmt::format("{} failed with {}", call, error));
          }};
}

}  // namespace

std::vector<ChaosKind> database_kinds() {
  using enum ChaosKind::Recovery;
  using enum Part;
  // Two seconds are the server's own; clients, who were told retry_later, come again after pauses that
  // have grown to two seconds by then.
  constexpr Duration after_an_outage = 4s;
  std::vector<ChaosKind> kinds{
      {.shape = {"postgres-immediate", {database}},
       .hold = 1s,
       .recovery = from_mending,
       .target = after_an_outage,
       .strike = [](Scene& s, unsigned) { return crash(s, SIGQUIT); }},
      {.shape = {"postgres-kill", {database}, 1, 2},
       .hold = 500ms,
       .recovery = from_mending,
       .target = after_an_outage,
       .strike = [](Scene& s, unsigned) { return crash(s, SIGKILL); }},
      {.shape = {"postgres-backends", {database}},
       .hold = 0s,
       .recovery = from_mending,
       .target = 1s,
       .strike = [](Scene& s, unsigned) { return terminate_backends(s); }},
      {.shape = {"postgres-connections", {database}},
       .hold = 3s,
       .recovery = from_mending,
       .target = after_an_outage,
       .strike = [](Scene& s, unsigned) { return use_up_connections(s); }},
      {.shape = {"postgres-row-lock", {database}},
       .hold = 5s,
       .recovery = from_mending,
       .target = 1s,
       .strike = [](Scene& s, unsigned) { return lock_row(s); }},
      {.shape = {"postgres-table-lock", {database}},
       .hold = 5s,
       .recovery = from_mending,
       .target = 1s,
       .strike = [](Scene& s, unsigned) { return lock_table(s); }},
      {.shape = {"postgres-slow-disk", {database}},
       .hold = 5s,
       .recovery = from_mending,
       .target = 2s,
       .strike = [](Scene& s, unsigned) { return slow_disk(s); }},
      {.shape = {"postgres-wal-full", {database}},
       .hold = 2s,
       .recovery = from_mending,
       .target = 5s,
       .strike = [](Scene& s, unsigned) { return broken_disk(s, "pwrite64", "ENOSPC"); }},
      {.shape = {"postgres-sync-error", {database}},
       .hold = 2s,
       .recovery = from_mending,
       .target = 5s,
       .strike = [](Scene& s, unsigned) { return broken_disk(s, "fdatasync", "EIO"); }},
  };
  for (ChaosKind& kind : kinds)
    if (kind.shape.name == "postgres-slow-disk" || kind.shape.name == "postgres-wal-full" ||
        kind.shape.name == "postgres-sync-error")
      kind.unavailable = Tracer::unavailable();
  return kinds;
}

}  // namespace parley::test
