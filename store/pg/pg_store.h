// The stores in PostgreSQL, as a worker's main makes them. Nothing connects before it is used, and
// nothing here fails because the server is away: the calls say so, and recover with it.
#pragma once

#include <memory>

#include "store/event_store.h"
#include "store/log_store.h"
#include "store/options.h"
#include "store/user_store.h"

namespace parley {

// All on one connection: one set for each thread.
struct PgStores {
  std::unique_ptr<LogStore> log;
  std::unique_ptr<UserStore> users;
  std::unique_ptr<EventStore> events;
};
PgStores make_pg_stores(const StoreOptions& options);

// The same with a connection of its own.
std::unique_ptr<LogStore> make_pg_log_store(const StoreOptions& options);
std::unique_ptr<UserStore> make_pg_user_store(const StoreOptions& options);
std::unique_ptr<EventStore> make_pg_event_store(const StoreOptions& options);

// For the start of a worker, and for its readiness: the server answers, the schema is there, and a
// commit is durable. retry_later: it does not answer now. config: a person must change something.
Status check_database(const StoreOptions& options);

}  // namespace parley
