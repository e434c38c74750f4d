// The cache in Redis, as a worker's main makes it. Nothing connects before it is used.
#pragma once

#include <memory>

#include "base/result.h"
#include "store/options.h"
#include "store/route_store.h"

namespace parley {

// config: redis_url is not valid.
Status check_redis_url(const StoreOptions& options);

// Requires: check_redis_url(options).
std::unique_ptr<RouteStore> make_redis_route_store(const StoreOptions& options);

}  // namespace parley
