// The services of a simulated world: real names from proto/verbs.def, so that real tables, limits and batches
// apply, with one handler that does what the store model does.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "base/random.h"
#include "proto/verbs.h"

namespace parley::sim {

inline constexpr std::array world_services{ServiceId::c2c, ServiceId::login, ServiceId::route};
// Some bodies are larger than a worker's whole window; the other verbs do not allow for that.
inline constexpr auto verb_of_large = static_cast<std::uint16_t>(Verb::c2c_send);

inline std::uint16_t a_verb_of(std::uint64_t service, Random& random) {
  constexpr std::array c2c{Verb::c2c_send, Verb::c2c_send, Verb::c2c_receipt, Verb::c2c_pull};
  constexpr std::array login{Verb::login_register, Verb::login_find};
  switch (world_services[service]) {
    case ServiceId::c2c: return static_cast<std::uint16_t>(c2c[random.below(c2c.size())]);
    case ServiceId::login: return static_cast<std::uint16_t>(login[random.below(login.size())]);
    default: return static_cast<std::uint16_t>(Verb::route_report);
  }
}

}  // namespace parley::sim
