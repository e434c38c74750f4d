// How much processor time processes have used, from /proc.
#pragma once

#include <sys/types.h>

#include <cstdint>

#include <vector>

namespace parley::perf {

// Of a process, its living children, and all that it has waited for; 0 if it does not exist. To 10
// ms.
double cpu_seconds(pid_t pid);
// Of the calling process alone, exactly.
double own_cpu_seconds();

// Resident memory that is the process' own (anonymous), bytes; 0 if it does not exist.
std::uint64_t anonymous_bytes(pid_t pid);

}  // namespace parley::perf
