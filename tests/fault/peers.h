// Peers that behave badly, on connections of their own.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"

namespace parley::test {

// Whether "127.0.0.1:40123" refuses a connection, or ends it before it said anything, within half a second.
bool is_turned_away(const std::string& address);

// Connections to a gateway that say nothing, until its end.
class Crowd {
 public:
  Crowd(const std::string& address, std::size_t connections);
  ~Crowd();
  Crowd(const Crowd&) = delete;
  Crowd& operator=(const Crowd&) = delete;

 private:
  std::vector<int> open_;
};

// On how many of so many connections a broker ("ipc:///path") hangs up, that are sent bytes at random, half
// of them after the beginning of a ZMTP greeting.
int hang_ups_on_garbage(const std::string& endpoint, int connections, std::uint64_t seed);

struct FloodCounts {
  std::uint64_t published = 0;
  std::uint64_t answered = 0;
  std::uint64_t refused = 0;  // answered with an error
};
// Publishes as fast as it can, for so long, as a gateway of its own.
FloodCounts flood_as_gateway(const std::string& endpoint, Duration length);

}  // namespace parley::test
