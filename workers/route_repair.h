// When the route cache has lost what it knew, or could not be told: decides when gateways are asked
// to report their users again, and when the cache may call itself complete. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <variant>

#include "base/clock.h"

namespace parley {

class RouteRepair {
 public:
  struct Complete {};
  struct Emptied {
    std::uint64_t number;  // Routes::emptied
  };
  struct Failed {};
  using Lookup = std::variant<Complete, Emptied, Failed>;
  enum class Action { nothing, ask_gateways, mark_refilled };

  // What to do after a lookup. Gateways are asked at most once per second. A cache that was emptied is asked
  // about each second, since a question may be lost, and marked refilled by the first lookup that is 3 s or
  // more after the first question about that number; one that was emptied again meanwhile begins anew. A
  // cache that came back is asked about once, because routes that changed meanwhile could not be stored.
  Action after(Lookup lookup, Instant now);

 private:
  struct Healthy {};
  struct Away {};
  struct Refilling {
    std::uint64_t emptied;
    Instant since;
  };

  Action after_complete(Instant now);
  Action after_emptied(std::uint64_t number, Instant now);
  bool may_ask(Instant now) const;
  Action ask(Instant now);

  std::variant<Healthy, Away, Refilling> state_;
  std::optional<Instant> asked_;
};

}  // namespace parley
