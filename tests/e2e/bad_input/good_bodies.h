// For each verb a body that does what it should, anew each time: from `caller`, in his conversation with `peer` where
// the verb has one. A new verb needs its own here.
#pragma once

#include <string>

#include "proto/verbs.h"
#include "tests/e2e/bad_input/besieged_gateway.h"

namespace parley::test {

// The business system that asks is called this.
inline constexpr const char* business_name = "crm";

std::string good_body(Verb verb, const Account& caller, const Account& peer,
                      std::uint64_t event_cursor = 0);

}  // namespace parley::test
