// Attackers by the thousand: connections from many addresses of this host that say nothing, or hardly anything, each
// opened again as soon as it has ended. A thread of its own, until destroyed.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <string>
#include <thread>
#include <vector>

namespace parley::test {

class Swarm {
 public:
  struct Options {
    std::uint16_t port = 0;
    std::size_t connections = 0;       // that it wants to have at any time
    std::size_t per_address = 17;      // of these, from one of 127.1.0.1, 127.1.0.2 …
    std::size_t opened_per_second = 5'000;
    std::string says = {};             // on each, at once
    std::uint64_t opened_max = ~0ULL;  // after so many none is opened again
    // A connection ends when the other side ends it, or as soon as everything was said.
    enum class Stay { until_ended, until_said } stay = Stay::until_ended;
  };
  explicit Swarm(Options options);
  ~Swarm();
  Swarm(const Swarm&) = delete;
  Swarm& operator=(const Swarm&) = delete;

  // -- at the moment, and in all
  std::size_t connected() const { return connected_; }
  std::uint64_t opened() const { return opened_; }
  std::uint64_t ended() const { return ended_; }
  // Whether opened_max were opened and have ended.
  bool done() const { return ended_ == options_.opened_max; }

 private:
  struct Attacker {
    int fd = -1;
    bool connected = false;
  };
  void run();
  void open(std::size_t at);
  void on_event(std::size_t at, std::uint32_t events);
  void end(std::size_t at);

  Options options_;
  std::vector<Attacker> attackers_;
  std::deque<std::size_t> waiting_;  // to be opened, in this order
  int epoll_ = -1;
  std::atomic<std::size_t> connected_ = 0;
  std::atomic<std::uint64_t> opened_ = 0;
  std::atomic<std::uint64_t> ended_ = 0;
  std::atomic<bool> stop_ = false;
  std::thread thread_;  // the last: it uses the rest
};

}  // namespace parley::test
