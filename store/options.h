// Where the truth and the cache are found.
#pragma once

#include <string>

namespace parley {

struct StoreOptions {
  // A libpq connection string or URL. The role in it is parley_app; its password comes from
  // PGPASSFILE.
  std::string database_url = {};
  // unix:///path/redis.sock or redis://host:port
  std::string redis_url = {};
};

}  // namespace parley
