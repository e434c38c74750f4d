// Waiting without sleeping: tries a condition until it holds or a deadline has passed. In a build in which
// everything takes longer, all that tests wait is longer, too.
#pragma once

#include <functional>

#include "base/clock.h"

namespace parley::test {

// How much longer than in a usual build things may take: PARLEY_TEST_SLOWNESS, which the build of the
// tests sets (etc/cmake/parley.cmake); 1 if it is not set.
unsigned slowness();

// Whether `condition` became true within `limit` times slowness(); it is tried every few milliseconds,
// at least twice.
bool eventually(Duration limit, const std::function<bool()>& condition);

}  // namespace parley::test
