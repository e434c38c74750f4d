// A listening TCP socket that lets connections in at a bounded rate: those above it wait in the kernel's
// queue, where they cost nothing. When the process has no descriptors left, libuv keeps one in reserve to
// refuse what comes instead of spinning. Thread: the loop's.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/loop.h"
#include "base/result.h"
#include "base/token_bucket.h"

struct uv_stream_s;

namespace parley {

class Listener {
 public:
  struct Options {
    std::string address;           // "127.0.0.1:7100", "[::]:7100"; port 0: a free one
    enum class Sharing { exclusive, reuse_port } sharing = Sharing::exclusive;
    Rate rate{10'000, 500};
    // How long to let nobody in, asked before each; zero: come in.
    std::function<Duration()> hold = [] { return Duration::zero(); };
  };
  // `on_connection` must accept (Connection::accept) exactly one connection.
  // config: no such address. io: it cannot be bound.
  static Result<std::unique_ptr<Listener>> open(Loop& loop, const Options& options,
                                                std::function<void(uv_stream_s*)> on_connection);
  // Stops listening; connections that wait in the kernel are reset.
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  std::uint16_t port() const;

 private:
  struct Handle;
  explicit Listener(Handle* handle) : handle_(handle) {}
  Handle* handle_;
};

}  // namespace parley
