// What happened, one line each, for a person who looks for the reason of a violation. Off: costs nothing.
#pragma once

#include <string_view>

#include "base/clock.h"

namespace parley::sim {

class Trace {
 public:
  void turn_on(const Instant* now) { now_ = now; }
  bool on() const { return now_ != nullptr; }
  void say(std::string_view who, std::string_view what) const;

 private:
  const Instant* now_ = nullptr;
};

}  // namespace parley::sim
