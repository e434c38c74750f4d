// What answers as a broker does, for tests of those who ask brokers: in a thread of its own, on a unix
// socket of its own.
#pragma once

#include <stdlib.h>

#include <atomic>
#include <filesystem>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "bus/zmq_socket.h"
#include "proto/envelope.h"

namespace parley::test {

class FakeBroker {
 public:
  // What it sends back, message by message, for each envelope that arrives. Called in its thread.
  using Answers = std::function<std::vector<std::string>(const Envelope& envelope)>;

  explicit FakeBroker(Answers answers) : answers_(std::move(answers)) {
    std::string pattern = (std::filesystem::temp_directory_path() / "parley-fake-XXXXXX").string();
    directory_ = mkdtemp(pattern.data());
    thread_ = std::thread([this] { serve(); });
    while (!bound_) std::this_thread::yield();
  }
  ~FakeBroker() {
    stop();
    std::filesystem::remove_all(directory_);
  }
  FakeBroker(const FakeBroker&) = delete;
  FakeBroker& operator=(const FakeBroker&) = delete;

  // Ends its thread: what that has noted may be looked at.
  void stop() {
    done_ = true;
    if (thread_.joinable()) thread_.join();
  }

  std::string endpoint() const { return "ipc://" + directory_ + "/broker"; }

 private:
  void serve() {
    ZmqContext context;
    ZmqSocket socket = ZmqSocket::router(context, {});
    if (!socket.bind(endpoint(), 0600)) std::abort();
    socket.set_linger(std::chrono::seconds(1));
    bound_ = true;
    for (ZmqMessage question; !done_; std::this_thread::yield()) {
      if (!socket.receive(question)) continue;
      const auto envelope = decode_envelope(question.bytes);
      if (!envelope) continue;
      for (const std::string& answer : answers_(*envelope))
        socket.send_to(question.identity, answer);
    }
  }

  Answers answers_;
  std::string directory_;
  std::atomic<bool> bound_ = false;
  std::atomic<bool> done_ = false;
  std::thread thread_;
};

}  // namespace parley::test
