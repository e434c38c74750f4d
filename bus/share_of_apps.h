// What requests for apps take of a bound that they share with the built-in services: at most half of it. A
// business system that hangs must not make its company's chat refuse messages. Pure.
#pragma once

#include <cstddef>

namespace parley {

class ShareOfApps {
 public:
  ShareOfApps(std::size_t messages_max, std::size_t bytes_max)
      : messages_max_(messages_max / 2), bytes_max_(bytes_max / 2) {}

  bool has_room_for(std::size_t bytes) const {
    return messages_ < messages_max_ && bytes_ + bytes <= bytes_max_;
  }
  void take(std::size_t bytes) {
    ++messages_;
    bytes_ += bytes;
  }
  void give_back(std::size_t bytes) {
    --messages_;
    bytes_ -= bytes;
  }

 private:
  std::size_t messages_max_;
  std::size_t bytes_max_;
  std::size_t messages_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace parley
