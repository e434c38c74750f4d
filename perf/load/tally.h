// What one process of the load generator has counted, and how it is told to the one that adds up.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "perf/histogram.h"

namespace parley::perf {

struct Tally {
  std::uint64_t clients = 0;  // that logged in
  std::uint64_t lost_connections = 0;

  std::uint64_t sent = 0;
  std::uint64_t acked = 0;
  std::uint64_t acked_in_window = 0;                  // the part of the run that is measured
  std::map<std::string, std::uint64_t> refused = {};  // by error
  std::uint64_t unanswered = 0;                       // at the end
  std::uint64_t acks_misordered = 0;  // a message got a lower number than one sent before it

  std::uint64_t delivered = 0;
  std::uint64_t duplicates = 0;
  std::uint64_t misordered = 0;  // delivered after a later one
  std::uint64_t missing = 0;     // acked and not delivered when the run ended
  std::uint64_t pongs = 0;

  std::uint64_t rows_expected = 0;
  std::uint64_t rows_found =
      0;  // where the ack said, and with the sender and client id of that message
  std::uint64_t rows_foreign = 0;  // in our conversations, and not what was acked

  double cpu_seconds = 0;          // of this process, in the window
  LatencyHistogram ack = {};       // from the intended send time
  LatencyHistogram delivery = {};  // likewise

  void add(const Tally& other);
  // Nothing was lost, duplicated, misordered or refused.
  bool clean() const;

  std::string to_json() const;
  static Tally from_json(const std::string& text);
};

// "p50":…,"p90":…,"p99":…,"p999":…,"max":… in microseconds.
std::string quantiles_json(const LatencyHistogram& histogram);

}  // namespace parley::perf
