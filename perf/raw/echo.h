// The raw baseline of bar 4: an echo server as small as libuv allows, in a thread of its own, and
// the client side of an echo for both it and the gateway's ping.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>

#include "base/result.h"

namespace parley::perf {

// Answers whatever comes with the same bytes: one loop, one read buffer, uv_try_write. As a gateway
// it owns one core at most.
class EchoServer {
 public:
  // Listens on a free port of 127.0.0.1. io: it cannot.
  static Result<std::unique_ptr<EchoServer>> start();
  ~EchoServer();  // closes everything and joins
  EchoServer(const EchoServer&) = delete;
  EchoServer& operator=(const EchoServer&) = delete;

  std::uint16_t port() const { return port_; }

 private:
  struct Impl;
  EchoServer();
  std::unique_ptr<Impl> impl_;
  std::thread thread_;
  std::uint16_t port_ = 0;
};

}  // namespace parley::perf
