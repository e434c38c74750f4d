// Parked requests as a table, and their tickets: each broker numbers its own, so people see and type
// "broker-1:7". Pure.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "proto/bus.pb.h"

namespace parley {

// A broker's name → tickets there.
using Tickets = std::map<std::string, std::vector<std::uint64_t>>;

// bad_request: one of them is no BROKER:NUMBER.
Result<Tickets> parse_tickets(const std::vector<std::string>& texts);

struct PoisonAt {
  std::string broker;
  std::vector<wire::AdminReply::Poison> requests;
};
// Oldest first within each broker. With nothing parked it says so.
std::string poison_table(const std::vector<PoisonAt>& parked);

}  // namespace parley
