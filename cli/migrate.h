// `parley migrate`: brings a database to this build's schema.
#pragma once

#include <string>

namespace parley {

// `url`: libpq connection string; of a superuser for the first time, of parley_migrate later. Exit code: 0,
// 1 failed, 75 the server does not answer or is busy: try again, 78 it is not a database that we can bring there.
int run_migrate(const std::string& url);

}  // namespace parley
