// Points at which a test can make a process crash, hang, fail, or lose or repeat something (failpoints.def;
// RELIABILITY §3.5). Compiled in with PARLEY_FAILPOINTS only: builds for testing have them; in the release build
// nothing can be armed.
//
//   if (failpoint(Failpoint::wk_before_begin) == FailAction::fail) return …;
//
// A test arms one point at a time by writing "NAME ACTION [VERB]" into the file that the environment variable
// FAILPOINT_FILE names; VERB, a number, leaves out all other verbs. The first thread of any process with that
// variable that comes to the point takes the file away (renames it to FILE.taken) and carries the action out,
// once. Actions: crash (SIGKILL), stall (5 s), and fail, drop, twice, which the place itself carries out. Any
// thread.
#pragma once

#include <cstdint>
#include <string_view>

namespace parley {

enum class Failpoint : std::uint8_t {
#define PARLEY_FAILPOINT(name, where, what) name,
#include "base/failpoints.def"
#undef PARLEY_FAILPOINT
};

enum class FailAction : std::uint8_t { nothing, fail, drop, twice };

std::string_view name_of(Failpoint point);

// Whether a test may arm any here: for places where telling the verb costs something.
bool failpoints_exist();
// `verb`: of what passes there; 0: unknown.
FailAction failpoint(Failpoint point, std::uint16_t verb = 0);

}  // namespace parley
