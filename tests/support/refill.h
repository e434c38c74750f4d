// What workers do 3 s after they asked: the routes count as complete from now on.
#pragma once

#include "store/route_store.h"

namespace parley::test {

inline Status refill(RouteStore& routes) {
  PARLEY_TRY(const Routes found, routes.lookup({}));
  return found.emptied ? routes.mark_refilled(*found.emptied) : Status{};
}

}  // namespace parley::test
