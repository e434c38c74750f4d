// The conversation of `parley demo`. Each step prints what happened, and fails unless it happened as promised.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/result.h"

namespace parley {

struct TalkOptions {
  std::vector<std::string> gateways;
  std::string pin;
  // kill -9 of all gateways. What is left of Parley starts them again.
  std::function<Status()> kill_gateways;
};

// Blocks; a minute at most.
Status hold_conversation(const TalkOptions& options);

}  // namespace parley
