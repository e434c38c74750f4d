// The schema, step by step: store/schema/NNNN_name.sql, embedded into the program at build. A step
// is one transaction together with its row in parley.migration: it is there whole or not at all,
// and an interrupted migration goes on where it was.
//
// A step that has been released is never changed: its digest is compared. Each step must let the
// workers of the step before go on working (add, fill, switch; remove a release later).
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace parley {

struct MigrationStep {
  int number;  // 1, 2, 3 …
  std::string_view name;
  std::string_view sql;
};

// Those of this build, in order.
std::span<const MigrationStep> schema_steps();

struct Migrated {
  int from = 0;
  int to = 0;
};

// Brings a database to this build's schema. Several may run at once: one works, the others wait for
// it. `url`: of a superuser for the first time; later parley_migrate suffices.
//   config       the schema is newer than this build, or a step is not the one that was applied
//   retry_later  the server does not answer, or others hold locks for longer than we try (20 s)
//   internal     a step failed; the steps before it stay
Result<Migrated> migrate(const std::string& url,
                         std::span<const MigrationStep> steps = schema_steps());

// For the start of a worker: config if the schema is not there or older than this build. A newer
// one is fine: steps keep the workers of the release before working.
Status check_schema(const std::string& url);

}  // namespace parley
