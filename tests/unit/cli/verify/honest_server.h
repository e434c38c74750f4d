// Histories of a server that does everything right while the world around it does not: replies get
// lost, pushes come twice or late, connections break, people log out, two devices race. The checker
// must call each of them valid. A seed reproduces a history.
#pragma once

#include <cstdint>

#include "base/random.h"
#include "cli/verify/history.h"

namespace parley::verify {

// What goes wrong around the server, in percent of the cases in which it could.
struct Weather {
  const char* name = "calm";
  unsigned pairs = 2;
  unsigned sends = 40;  // of each writing device
  unsigned outbox = 1;  // messages that a device has on their way at once
  bool both_devices_write = false;
  unsigned lost_requests = 0;   // never arrive; the device repeats them much later
  unsigned lost_replies = 0;    // committed, and the device repeats it much later
  unsigned repeated_acked = 0;  // acknowledged, and sent again all the same
  unsigned refused = 0;         // for good
  unsigned refused_first = 0;   // and accepted when repeated
  unsigned conflicts = 0;       // another body under a used client id: refused
  unsigned pushes_again = 0;    // up to three copies, late
  unsigned slow_pushes = 0;
  unsigned resets = 0;  // of the receiving device's connection, per entry
  unsigned pages = 20;  // asked for, per entry
  unsigned page_limit = 200;
  unsigned receipts = 30;        // per entry
  unsigned strangers_ask = 0;    // for pages that are not theirs: refused
  unsigned same_client_ids = 0;  // both users of a pair choose the same
  unsigned logouts = 0;          // per reset: the device must use the password
  unsigned faults = 0;
};

History honest_history(const Weather& weather, std::uint64_t seed);

}  // namespace parley::verify
