// Peers of one process of bar 3, driven together by its only thread.
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "perf/raw/bus_peer.h"

namespace parley::perf {

class BusPeers {
 public:
  BusPeers() = default;
  BusPeers(unsigned count, const BusPeer::Options& common) {
    for (unsigned i = 0; i < count; ++i) add(common, common.name + "-" + std::to_string(i));
  }

  void add(BusPeer::Options options, const std::string& name) {
    options.name = name;
    peers_.push_back(std::make_unique<BusPeer>(zmq_, options));
    dealers_.push_back(&peers_.back()->dealer());
  }

  // Each envelope with the number of the peer that got it.
  using OnEnvelope = std::function<void(std::size_t peer, const Envelope& envelope,
                                        std::string_view bytes, std::string_view route)>;
  // True: the parent said something.
  bool turn(Duration limit, int stop_fd, const OnEnvelope& on_envelope) {
    const bool stop = wait_readable(dealers_, stop_fd, limit);
    for (std::size_t i = 0; i < peers_.size(); ++i)
      peers_[i]->read([&](const Envelope& envelope, std::string_view bytes,
                          std::string_view route) { on_envelope(i, envelope, bytes, route); });
    return stop;
  }

  // Empty: all are ready.
  std::string get_ready() {
    const auto ready = [](const auto& peer) { return peer->is_ready(); };
    for (const Instant limit = monotonic_now() + ready_within;
         std::ranges::count_if(peers_, ready) < std::ssize(peers_);) {
      if (!failure().empty()) return failure();
      if (monotonic_now() > limit) return "nobody answers";
      turn(10ms, -1, [](auto&&...) {});
    }
    return {};
  }

  std::string failure() const {
    for (const auto& peer : peers_)
      if (!peer->failure().empty()) return peer->failure();
    return {};
  }

  BusPeer& operator[](std::size_t i) { return *peers_[i]; }
  std::size_t size() const { return peers_.size(); }

 private:
  static constexpr Duration ready_within = 10s;

  ZeroMq zmq_;
  std::vector<std::unique_ptr<BusPeer>> peers_;
  std::vector<Dealer*> dealers_;
};

}  // namespace parley::perf
