#include "tests/e2e/bad_input/swarm.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/assert.h"
#include "base/clock.h"
#include "tests/support/ipv4.h"

namespace parley::test {
namespace {

constexpr std::uint32_t first_address = (127U << 24) | (1U << 16) | 1;

int new_socket(std::uint32_t source) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  PARLEY_ASSERT(fd >= 0);
  // Its end is a reset: nothing of a hundred thousand connections stays behind.
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  const sockaddr_in from = ipv4(source, 0);
  PARLEY_ASSERT(bind(fd, reinterpret_cast<const sockaddr*>(&from), sizeof from) == 0);
  return fd;
}

}  // namespace

Swarm::Swarm(Options options)
    : options_(std::move(options)),
      attackers_(options_.connections),
      epoll_(epoll_create1(EPOLL_CLOEXEC)) {
  for (std::size_t at = 0; at < attackers_.size(); ++at) waiting_.push_back(at);
  thread_ = std::thread([this] { run(); });
}

Swarm::~Swarm() {
  stop_ = true;
  thread_.join();
  for (const Attacker& attacker : attackers_)
    if (attacker.fd >= 0) close(attacker.fd);
  close(epoll_);
}

void Swarm::run() {
  const Instant start = monotonic_now();
  std::array<epoll_event, 512> events;
  while (!stop_) {
    const auto elapsed_us = static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::microseconds>(monotonic_now() - start).count());
    const std::uint64_t allowed = std::min(
        options_.opened_max, 1 + elapsed_us * options_.opened_per_second / 1'000'000);
    while (!waiting_.empty() && opened_ < allowed) {
      const std::size_t at = waiting_.front();
      waiting_.pop_front();
      open(at);
    }
    const int count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), 1);
    for (int i = 0; i < count; ++i) on_event(events[static_cast<std::size_t>(i)].data.u64,
                                            events[static_cast<std::size_t>(i)].events);
  }
}

void Swarm::open(std::size_t at) {
  Attacker& attacker = attackers_[at];
  attacker.fd =
      new_socket(first_address + static_cast<std::uint32_t>(at / options_.per_address));
  ++opened_;
  const sockaddr_in to = ipv4(INADDR_LOOPBACK, options_.port);
  connect(attacker.fd, reinterpret_cast<const sockaddr*>(&to), sizeof to);
  epoll_event wanted{.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP, .data = {.u64 = at}};
  PARLEY_ASSERT(epoll_ctl(epoll_, EPOLL_CTL_ADD, attacker.fd, &wanted) == 0);
}

void Swarm::on_event(std::size_t at, std::uint32_t events) {
  Attacker& attacker = attackers_[at];
  if ((events & (EPOLLERR | EPOLLHUP | EPOLLRDHUP)) != 0) return end(at);
  if ((events & EPOLLIN) != 0) {
    std::array<char, 4'096> bytes;
    if (recv(attacker.fd, bytes.data(), bytes.size(), 0) == 0) return end(at);
  }
  if (attacker.connected || (events & EPOLLOUT) == 0) return;
  attacker.connected = true;
  ++connected_;
  if (!options_.says.empty())
    send(attacker.fd, options_.says.data(), options_.says.size(), MSG_NOSIGNAL);
  if (options_.stay == Options::Stay::until_said) return end(at);
  epoll_event wanted{.events = EPOLLIN | EPOLLRDHUP, .data = {.u64 = at}};
  epoll_ctl(epoll_, EPOLL_CTL_MOD, attacker.fd, &wanted);
}

void Swarm::end(std::size_t at) {
  Attacker& attacker = attackers_[at];
  close(attacker.fd);
  if (attacker.connected) --connected_;
  attacker = {};
  ++ended_;
  waiting_.push_back(at);
}

}  // namespace parley::test
