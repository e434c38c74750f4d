// One picture of `parley top`: what is wrong, then who does how much. Pure.
#pragma once

#include <cstddef>
#include <string>

#include "cli/load.h"

namespace parley {

// Plain lines. At most `rows` of them (0: all): what does not fit is counted in the last.
std::string top_report(const Sample& before, const Sample& now, std::size_t rows);

}  // namespace parley
