// The services that a broker knows: the built-in ones by number, those of business systems ("apps")
// by the hash of their name. Pure. At most 255 of the former; BrokerOptions::apps_max bounds the
// latter.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "bus/requests.h"

namespace parley {
inline namespace dispatching {

// What is asked for, who answers it, how much of it waits, and how fast it is answered.
struct Service {
  std::uint64_t key = 0;  // its number, or the hash of an app's name
  std::string name;
  bool is_app = false;
  std::vector<Peer*> workers;
  bool ever_offered = false;
  RequestList orphans;
  std::size_t waiting = 0;  // orphaned or queued at some worker
  std::size_t waiting_bytes = 0;
  std::uint64_t requests = 0;
  std::uint64_t answered = 0;
  std::uint64_t busy = 0;
  std::uint64_t redelivered = 0;
  std::uint64_t poisoned = 0;
  std::uint64_t credit_exhausted = 0;

  // Somebody offers it who does not drain.
  bool is_served() const;
  // Every now and then: how fast it is answered, over the last second or so, since something waits. Before, the
  // rate would say what was asked of it, not what it can do.
  void measure(Duration elapsed);
  // How long who is refused now should wait: until what waits is answered, at least `least`, which
  // is also told before the rate was measured for half a second.
  std::uint32_t retry_hint_ms(std::uint32_t least) const;

 private:
  struct Rate {
    Duration measured_for{};
    double answers_per_second = 0;
  };
  std::uint64_t measured_ = 0;  // answers
  std::optional<Rate> rate_;    // since a measurement at which something waited
};

class Services {
 public:
  explicit Services(std::size_t apps_max);

  // The service that a request is for. Null: an app that nobody offers.
  Service* of(std::uint16_t verb, std::uint64_t target);
  Service& built_in(std::uint8_t number) { return built_in_[number]; }

  // Whether so many more apps may be offered.
  bool has_room_for(const std::vector<std::string>& apps) const;
  // Requires: has_room_for() it.
  Service& app(const std::string& name);
  // Forgets an app. Requires: nobody offers it and no request is for it.
  void forget(const Service& app) { apps_.erase(app.key); }

  template <typename Visit>
  void for_each(Visit visit) {
    for (Service& service : built_in_) visit(service);
    for (auto& [key, service] : apps_) visit(*service);
  }

 private:
  std::array<Service, 256> built_in_;  // by the high byte of the verb
  std::unordered_map<std::uint64_t, std::unique_ptr<Service>> apps_;
  std::size_t apps_max_;
};

}  // namespace dispatching
}  // namespace parley
