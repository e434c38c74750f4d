// The raw baseline of bars 1 and 2: the append of DESIGN §7 and nothing around it. Prepared
// batches, binary parameters, autocommit, as fast as one connection per thread goes: what the same
// PostgreSQL can do at best with the same rows, indexes and durability.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "perf/histogram.h"

namespace parley::perf {

struct RawAppendOptions {
  std::string database_url;  // role parley_app, as the workers
  unsigned connections = 2;
  unsigned conversations = 32;  // per connection
  std::size_t batch = 300;      // rows per statement, spread over the conversations
  std::size_t body_bytes = 120;
  Duration length = 3s;
};

struct RawAppended {
  std::uint64_t rows = 0;
  Duration took{};
  LatencyHistogram statements;  // from call to answer
  double rows_per_second() const;
};

// Appends as fast as it goes to conversations of its own. io: the database refused something, or
// holds another number of rows than were appended.
Result<RawAppended> raw_append(const RawAppendOptions& options);

}  // namespace parley::perf
