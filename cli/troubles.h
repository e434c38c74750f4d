// What is wrong, as far as brokers can see it: what `parley top` says first. Pure.
#pragma once

#include <string>
#include <vector>

#include "cli/load.h"

namespace parley {

// One line each, the worst first. Empty: nothing is known to be wrong.
std::vector<std::string> troubles(const Sample& before, const Sample& now);

}  // namespace parley
