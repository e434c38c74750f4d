// The program parley-worker, but for what it stores in: main.cc brings that along.
#pragma once

#include <functional>

#include "store/options.h"
#include "workers/crew.h"

namespace parley {

struct Backends {
  // Whether this database is one that we may promise durability on. config: it is not, or not
  // migrated; others: it cannot be asked now.
  std::function<Status(const StoreOptions& options)> check;
  // Connections for one thread. They connect when first used.
  std::function<Stores(const StoreOptions& options)> connect;
};

// parley-worker NAME…|all. SIGTERM drains. Exit codes: base/process.h.
int run_worker(int argc, char** argv, const Backends& backends);

}  // namespace parley
