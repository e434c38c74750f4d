// How often one user may ask for what is dear: sending a message, looking people up. Counted per
// user, not per connection: more devices do not make more of it. Pure.
// Bounds: one bucket per user who asked lately, at most 100,000 of each kind.
#pragma once

#include "base/ids.h"
#include "base/keyed_buckets.h"
#include "proto/verbs.h"

namespace parley {

class UserRates {
 public:
  UserRates(Rate messages, Rate finds);

  // Zero: `user` may ask `verb` now, and it is counted. Else how long until he may. Verbs without a
  // rate are always allowed.
  Duration take(Verb verb, UserId user, Instant now);

 private:
  KeyedBuckets messages_;
  KeyedBuckets finds_;
};

}  // namespace parley
