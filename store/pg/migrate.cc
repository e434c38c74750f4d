#include "store/pg/migrate.h"

#include <poll.h>

#include <charconv>
#include <map>

#include "base/failpoint.h"
#include "base/log.h"
#include "base/random.h"
#include "store/pg/connection.h"

namespace parley {
namespace {

constexpr Duration step_limit = 60s;
constexpr Duration give_up_after = 20s;

// The lock is the session's: it ends with this process, however that ends. A step waits only
// briefly for tables that workers use, because what queues up behind a waiting ALTER TABLE waits as
// well.
constexpr const char* take_lock =
    // Otherwise a step whose migrator was killed would run on, and hold the lock, to its end.
    "SET client_connection_check_interval = '500ms';"
    "SET lock_timeout = '60s';"
    "SELECT pg_advisory_lock(5030190);"
    "SET lock_timeout = '2s'";

constexpr const char* applied_steps =
    "SELECT number::text, digest FROM parley.migration ORDER BY number";

// FNV-1a: it finds accidents, not attackers; whoever may change the schema needs no collision.
std::string digest_of(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char c : text) hash = (hash ^ static_cast<std::uint8_t>(c)) * 0x100000001b3ULL;
  return std::to_string(hash);
}

int to_int(std::string_view digits) {
  int value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return value;
}

// Number → digest. Empty if the schema is not there.
Result<std::map<int, std::string>> applied(PgConnection& connection) {
  const auto rows = connection.run(applied_steps);
  constexpr std::string_view undefined_table = "42P01";
  if (!rows && rows.error().sqlstate == undefined_table) return std::map<int, std::string>{};
  if (!rows) return refusal(rows.error());
  std::map<int, std::string> steps;
  for (int row = 0; row < rows->size(); ++row) {
    steps.emplace(to_int(rows->bytes(row, 0)), rows->bytes(row, 1));
  }
  return steps;
}

Status check_applied(const std::map<int, std::string>& done, std::span<const MigrationStep> steps) {
  for (const auto& [number, digest] : done) {
    if (number > static_cast<int>(steps.size())) {
      return fail(Errc::config, "the schema has step " + std::to_string(number) +
                                    ", which this build does not know: use a newer build");
    }
    if (digest != digest_of(steps[static_cast<std::size_t>(number) - 1].sql)) {
      return fail(Errc::config,
                  "step " + std::to_string(number) + " was applied with another text");
    }
  }
  return {};
}

std::string transaction_of(const MigrationStep& step) {
  return "BEGIN; " + std::string(step.sql) + "\n; SET LOCAL ROLE parley_owner; " +
         "INSERT INTO parley.migration (number, name, digest) VALUES (" +
         std::to_string(step.number) + ", '" + std::string(step.name) + "', '" +
         digest_of(step.sql) + "'); COMMIT";
}

// A lock that others hold is waited for again and again, shortly each time.
Status apply(PgConnection& connection, const MigrationStep& step) {
  Random random(secure_random_id());
  const Instant deadline = monotonic_now() + give_up_after;
  for (unsigned attempt = 0;; ++attempt) {
    const auto done = connection.run(transaction_of(step), step_limit);
    if (done) return {};
    const bool again = done.error().is_lock_timeout() && monotonic_now() < deadline;
    // A session that is over has undone it by that.
    const auto undone = connection.run("ROLLBACK");
    if (!again || !undone) return refusal(done.error());
    poll(nullptr, 0, static_cast<int>(to_ms(backoff(attempt, 100ms, 2s, random))));
  }
}

}  // namespace

Result<Migrated> migrate(const std::string& url, std::span<const MigrationStep> steps) {
  PgConnection connection(url, PgConnection::Purpose::administer);
  if (auto locked = connection.run(take_lock, step_limit + 5s); !locked) {
    return refusal(locked.error());
  }
  PARLEY_TRY(const auto done, applied(connection));
  PARLEY_CHECK(check_applied(done, steps));
  const Migrated result{static_cast<int>(done.size()), static_cast<int>(steps.size())};
  for (const MigrationStep& step : steps.subspan(done.size())) {
    if (auto status = apply(connection, step); !status) {
      status.error().detail = "step " + std::string(step.name) + ": " + status.error().detail;
      return tl::unexpected(std::move(status).error());
    }
    log::info("store.migrated", {{"step", step.name}});
    if (failpoint(Failpoint::mig_each_step) == FailAction::fail)
      return fail(Errc::io, "failpoint");
  }
  return result;
}

Status check_schema(const std::string& url) {
  PgConnection connection(url, PgConnection::Purpose::administer);
  PARLEY_TRY(const auto done, applied(connection));
  const std::size_t needed = schema_steps().size();
  if (done.size() >= needed) return {};
  return fail(Errc::config, "the schema is at step " + std::to_string(done.size()) + " of " +
                                std::to_string(needed) + ": run `parley migrate`");
}

}  // namespace parley
