// What the in-memory stores do at the start of each call.
#pragma once

#include "store/memory/memory_store.h"

namespace parley {

// Takes one off a fault's knob; whether there was one. Requires: the database is locked.
inline bool strikes(unsigned& knob) {
  if (knob == 0) return false;
  --knob;
  return true;
}

inline tl::unexpected<Error> injected_failure() {
  return fail(Errc::retry_later, "memory store: injected failure");
}

}  // namespace parley

// Locks the database for the rest of the scope; returns retry_later if the test asked for it.
#define PARLEY_ENTER(database)                   \
  const std::scoped_lock guard((database).lock); \
  if (strikes((database).faults.fail_calls)) return injected_failure()
