// Compares what the database holds with what was acknowledged, message by message.
#pragma once

#include <span>
#include <string>

#include "base/result.h"
#include "perf/load/load_client.h"

namespace parley::perf {

// Both partners of a conversation. Requires: conversations that only this run has written to.
struct LoadPair {
  const LoadClient* a;
  const LoadClient* b;
};

// Fills the rows_… counts of `tally`. Numbers must be 1, 2, 3 … without holes; a row that was not
// acknowledged, or stands elsewhere, is foreign. io: the database cannot be read.
Status verify_rows(const std::string& database_url, std::uint64_t run,
                   std::span<const LoadPair> pairs, Tally& tally);

}  // namespace parley::perf
