// `parley demo`: everything is started as `parley up` does it, two people hold a conversation through the SDK,
// with a gateway that dies and a friend who is away, and everything is stopped again.
#pragma once

#include <string>

namespace parley {

struct DemoOptions {
  std::string data;      // empty: a new directory, removed at the end
  std::string programs;  // the folder of our programs
};

// Prints what happens, line by line, and "demo: ok" (exit code 0) or "demo: failed: why" (1).
int run_demo(const DemoOptions& options);

}  // namespace parley
