// Notices for everybody who is connected here, written piece by piece: a hundred thousand sealed copies
// in one turn of the loop would make everything else wait. One after the other, in the order of arrival;
// who logs in while one is under way may get it or not. Pure.
//
// Bound: waiting_max broadcasts of bytes_max; beyond, the newest is dropped (nobody was promised it).
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "gateway/session_table.h"
#include "proto/verbs.h"

namespace parley {

class Broadcasts {
 public:
  static constexpr std::size_t waiting_max = 256;
  static constexpr std::size_t bytes_max = 4 << 20;
  // One piece: whichever comes first. 100,000 sessions take about a second.
  static constexpr std::uint32_t piece_places = 500;
  static constexpr std::size_t piece_bytes = 1 << 20;
  static constexpr Duration piece_every = 5ms;

  // False: there is no room.
  bool add(Notice notice, std::uint64_t target, std::string_view body) {
    if (waiting_.size() >= waiting_max || bytes_ + body.size() > bytes_max) return false;
    bytes_ += body.size();
    waiting_.push_back({notice, target, std::string(body)});
    return true;
  }
  bool idle() const { return waiting_.empty(); }

  // The next piece: visit(ConnectionId, Notice, target, body) for each session of it. `visit` may unbind
  // sessions.
  template <typename F>
  void step(const SessionTable& table, F&& visit) {
    if (waiting_.empty()) return;
    const Broadcast& first = waiting_.front();
    std::size_t bytes = 0;
    for (std::uint32_t visited = 0; visited < piece_places && bytes <= piece_bytes; ++visited) {
      if (place_ >= table.places()) return finish();
      const auto connection = table.connection_at(place_++);
      if (!connection) continue;
      bytes += first.body.size();
      visit(*connection, first.notice, first.target, std::string_view(first.body));
    }
  }

 private:
  struct Broadcast {
    Notice notice;
    std::uint64_t target;
    std::string body;
  };

  void finish() {
    bytes_ -= waiting_.front().body.size();
    waiting_.pop_front();
    place_ = 0;
  }

  std::deque<Broadcast> waiting_;
  std::size_t bytes_ = 0;
  std::uint32_t place_ = 0;  // of the first one: where its next piece begins
};

}  // namespace parley
