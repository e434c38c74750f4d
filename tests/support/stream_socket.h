// Stream sockets by address, a path or "127.0.0.1:40123", that never block and no child inherits.
#pragma once

#include <string>

namespace parley::test {

using StreamAddress = std::string;

class StreamSocket {
 public:
  StreamSocket() = default;
  explicit StreamSocket(int fd) : fd_(fd) {}
  ~StreamSocket() { close(); }
  StreamSocket(StreamSocket&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  StreamSocket& operator=(StreamSocket&& other) noexcept;

  int fd() const { return fd_; }
  bool is_open() const { return fd_ >= 0; }
  void close();
  // TCP: a reset instead of an orderly end; what was sent and not yet read is gone.
  void reset();

 private:
  int fd_ = -1;
};

// Port 0: any; a path that exists is replaced. Aborts if it cannot.
StreamSocket listen_at(const StreamAddress& address);
StreamAddress address_of(const StreamSocket& listener, const StreamAddress& address);
// Not open: nobody waits.
StreamSocket accept_from(const StreamSocket& listener);

enum class Connect { done, going_on, later, failed };
// Starts it. going_on: finish_connect() when it can be written to. later: the listener's queue is full.
Connect start_connect(StreamSocket& socket, const StreamAddress& address);
Connect finish_connect(const StreamSocket& socket);

}  // namespace parley::test
