// Where a process of ours is to listen, and a port that is kept for it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace parley {

struct ListenAddress {
  std::string host;  // an IP address; IPv6 without its brackets
  std::uint16_t port = 0;
};

// "127.0.0.1:7100", "[::]:7100". config: what is wrong with it.
Result<ListenAddress> parse_listen_address(std::string_view text);
std::string to_text(const ListenAddress& address);

// A port that others are not given: neither who asks for any free one nor an outgoing connection.
// Who names it, though, and allows its reuse, as servers do, listens there again and again.
class HeldPort {
 public:
  // The address's port, or some free one if that is 0. conflict: somebody listens there; config: it is no
  // address of this machine.
  static Result<HeldPort> take(const ListenAddress& address);

  HeldPort(HeldPort&& from) noexcept;
  HeldPort& operator=(HeldPort&& from) noexcept;
  ~HeldPort();

  std::uint16_t number() const { return number_; }

 private:
  HeldPort(int fd, std::uint16_t number) : fd_(fd), number_(number) {}

  int fd_;  // bound, but does not listen; -1: none
  std::uint16_t number_;
};

}  // namespace parley
