// parley-worker-early-ack: the worker as it is, but for a log store that acknowledges before it
// commits. Fault tests must find it; it is in no package.
#include "store/pg/pg_store.h"
#include "store/redis/redis_store.h"
#include "tests/fault/early_ack_worker/early_ack_log_store.h"
#include "workers/process.h"

namespace {

using namespace parley;

Status check(const StoreOptions& options) {
  PARLEY_CHECK(check_redis_url(options));
  return check_database(options);
}

Stores connect(const StoreOptions& options) {
  return {std::make_unique<test::EarlyAckLogStore>(make_pg_log_store(options),
                                                   make_pg_log_store(options)),
          make_pg_user_store(options), make_redis_route_store(options),
          make_pg_event_store(options)};
}

}  // namespace

int main(int argc, char** argv) {
  return run_worker(argc, argv, {.check = check, .connect = connect});
}
