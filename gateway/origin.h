// The network a client comes from, as one number: what limits are counted by, and the envelope's `origin`.
#pragma once

#include <cstdint>

struct sockaddr;

namespace parley {

// IPv4 (also when mapped into IPv6, and for ::1): 1<<32 | a.b.c.d. IPv6: its /64, because a household owns
// that many. 0 for any other family.
std::uint64_t origin_of(const sockaddr& address);

}  // namespace parley
