// parley-worker: with PostgreSQL for the truth and Redis for routes.
#include "store/pg/pg_store.h"
#include "store/redis/redis_store.h"
#include "workers/process.h"

namespace {

using namespace parley;

Status check(const StoreOptions& options) {
  PARLEY_CHECK(check_redis_url(options));
  return check_database(options);
}

Stores connect(const StoreOptions& options) {
  PgStores truth = make_pg_stores(options);
  return {std::move(truth.log), std::move(truth.users), make_redis_route_store(options),
          std::move(truth.events)};
}

}  // namespace

int main(int argc, char** argv) {
  return run_worker(argc, argv, {.check = check, .connect = connect});
}
