// The receiver's side of delivery credit: counts what it has dealt with and says when its broker should hear
// of it. Pure. Counts are totals of one registration, so that a lost message costs nothing. What was not told
// is due again at the next delivery or tick.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

namespace parley {

struct DeliveryWindow {
  std::uint32_t messages = 4'096;  // sent to us and not yet dealt with
  std::uint32_t bytes = 16 << 20;
};

class DeliveryMeter {
 public:
  struct Grant {
    std::uint64_t messages;
    std::uint64_t bytes;
  };

  explicit DeliveryMeter(DeliveryWindow window) : window_(window) {}

  // A new registration: the counts begin anew.
  void restart() { dealt_ = told_ = {}; }
  // A delivery was dealt with. What the broker must hear now: a quarter of the window is used up.
  std::optional<Grant> on_delivery(std::size_t bytes) {
    ++dealt_.messages;
    dealt_.bytes += bytes;
    const bool much = (dealt_.messages - told_.messages) * 4 >= window_.messages ||
                      (dealt_.bytes - told_.bytes) * 4 >= window_.bytes;
    return much ? std::optional(dealt_) : std::nullopt;
  }
  // Every now and then: what it has not heard yet.
  std::optional<Grant> on_tick() {
    return dealt_.messages != told_.messages ? std::optional(dealt_) : std::nullopt;
  }
  // The broker was sent what came last of on_delivery() or on_tick().
  void on_told() { told_ = dealt_; }

 private:
  DeliveryWindow window_;
  Grant dealt_{};
  Grant told_{};
};

}  // namespace parley
