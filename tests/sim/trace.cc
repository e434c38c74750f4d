#include "tests/sim/trace.h"

#include <cstdio>

namespace parley::sim {

void Trace::say(std::string_view who, std::string_view what) const {
  if (!on()) return;
  constexpr Instant begin{std::chrono::hours(1)};
  std::printf("%10.6f %-10.*s %.*s\n", std::chrono::duration<double>(*now_ - begin).count(),
              static_cast<int>(who.size()), who.data(), static_cast<int>(what.size()), what.data());
}

}  // namespace parley::sim
