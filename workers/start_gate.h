// Waits until the database can serve: a worker that cannot store anything does not register.
// Thread: the loop's; each check may block it for as long as a connection attempt takes.
#pragma once

#include <functional>

#include "base/loop.h"
#include "base/random.h"
#include "base/result.h"

namespace parley {

class StartGate {
 public:
  struct Handlers {
    // Whether the database can serve. config: it never will as it is. Others: not yet.
    std::function<Status()> check;
    std::function<void()> open;                 // once, when it can
    std::function<void(const Error&)> refused;  // once, when it never will
  };

  struct Pauses {
    Duration first = 200ms;
    Duration longest = 5s;
  };

  // Checks in the first turn of the loop, then with growing, jittered pauses until an answer is
  // final. That it waits is logged once.
  StartGate(Loop& loop, Handlers handlers, Random random, Pauses pauses);

 private:
  void try_once();

  Handlers handlers_;
  Random random_;
  const Pauses pauses_;
  unsigned attempts_ = 0;
  Timer timer_;
};

}  // namespace parley
