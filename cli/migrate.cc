#include "cli/migrate.h"

#include <cstdio>

#include "base/process.h"
#include "cli/terminal_account.h"
#include "store/pg/migrate.h"

namespace parley {

int run_migrate(const std::string& url) {
  const auto migrated = migrate(url);
  if (migrated) {
    std::printf("schema: %d, was %d\n", migrated->to, migrated->from);
    return exit_ok;
  }
  std::fprintf(stderr, "parley migrate: %s\n", migrated.error().detail.c_str());
  if (migrated.error().code == Errc::config) return exit_config;
  return is_retryable(migrated.error().code) ? exit_retry : exit_runtime;
}

}  // namespace parley
