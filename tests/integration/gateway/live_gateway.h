// A gateway on a loop and a thread of its own, with a bus that answers by itself, for tests that speak to
// it over real sockets. Everything inside is reached by ask(), which runs in the gateway's thread.
#pragma once

#include <functional>
#include <future>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "gateway/gateway.h"

namespace parley::test {

// login.password with the body "user device class generation" (numbers) is granted, with "no" refused;
// c2c.send gets its own body back; route.report is noted and answered; everything else waits.
class SelfAnsweringBus : public RequestBus {
 public:
  struct Request {
    EnvelopeHeader header;
    std::string body;
  };

  explicit SelfAnsweringBus(Loop& loop) : soon_(loop, [this] { answer_all(); }) {}

  Result<std::uint64_t> publish(const EnvelopeHeader& header, std::string_view body) override;
  void reply(std::uint64_t number, EnvelopeHeader header, std::string_view body);

  Gateway* gateway = nullptr;
  bool refuses = false;    // publish() fails
  bool holds_all = false;  // nothing is answered
  std::map<std::uint64_t, Request> waiting;
  std::vector<std::string> reports;  // bodies of route.report

 private:
  void answer_all();
  bool answer(std::uint64_t number, const Request& request);

  Timer soon_;
  std::vector<std::pair<std::uint64_t, Request>> fresh_;
  std::uint64_t numbers_ = 0;
};

// Limits that do not stand in a test's way: no rates, nothing counted by address.
GatewaySettings generous();

class LiveGateway {
 public:
  explicit LiveGateway(const GatewaySettings& settings = generous());
  ~LiveGateway();

  std::uint16_t port() const { return port_; }
  Metrics& metrics() { return metrics_; }

  // Runs `f(Gateway&, SelfAnsweringBus&)` in the gateway's thread and returns its result.
  template <typename F>
  auto ask(F f) {
    std::promise<decltype(f(*gateway_, *bus_))> promise;
    auto future = promise.get_future();
    post([&] {
      if constexpr (std::is_void_v<decltype(f(*gateway_, *bus_))>) {
        f(*gateway_, *bus_);
        promise.set_value();
      } else {
        promise.set_value(f(*gateway_, *bus_));
      }
    });
    return future.get();
  }

  // One notice for one user, addressed to this gateway.
  void deliver(std::uint64_t user, std::string body, std::uint64_t skip_device = 0);
  // A notice to the gateway itself.
  void tell(Notice notice, const std::string& body);

 private:
  void post(const std::function<void()>& work);
  void run(const GatewaySettings& settings, std::promise<std::uint16_t>& port);

  Metrics metrics_;
  Gateway* gateway_ = nullptr;
  SelfAnsweringBus* bus_ = nullptr;
  Loop* loop_ = nullptr;
  Wakeup* wakeup_ = nullptr;
  const std::function<void()>* work_ = nullptr;  // one caller at a time
  std::uint16_t port_ = 0;
  std::thread thread_;
};

}  // namespace parley::test
