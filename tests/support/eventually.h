// Waiting without sleeping: tries a condition until it holds or a deadline has passed.
#pragma once

#include <functional>

#include "base/clock.h"

namespace parley::test {

// Whether `condition` became true within `limit`; it is tried every few milliseconds, at least
// twice.
bool eventually(Duration limit, const std::function<bool()>& condition);

}  // namespace parley::test
