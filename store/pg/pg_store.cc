#include "store/pg/pg_store.h"

#include "store/pg/durability.h"
#include "store/pg/migrate.h"
#include "store/pg/pg_event_store.h"
#include "store/pg/pg_log_store.h"
#include "store/pg/pg_user_store.h"

namespace parley {
namespace {

std::shared_ptr<PgConnection> connection_to(const StoreOptions& options) {
  return std::make_shared<PgConnection>(options.database_url, PgConnection::Purpose::serve);
}

}  // namespace

PgStores make_pg_stores(const StoreOptions& options) {
  const auto connection = connection_to(options);
  return {std::make_unique<PgLogStore>(connection), std::make_unique<PgUserStore>(connection),
          std::make_unique<PgEventStore>(connection)};
}

std::unique_ptr<LogStore> make_pg_log_store(const StoreOptions& options) {
  return std::make_unique<PgLogStore>(connection_to(options));
}

std::unique_ptr<UserStore> make_pg_user_store(const StoreOptions& options) {
  return std::make_unique<PgUserStore>(connection_to(options));
}

std::unique_ptr<EventStore> make_pg_event_store(const StoreOptions& options) {
  return std::make_unique<PgEventStore>(connection_to(options));
}

Status check_database(const StoreOptions& options) {
  PARLEY_CHECK(check_schema(options.database_url));
  return check_durability(options);
}

}  // namespace parley
