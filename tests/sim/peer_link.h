// The simulated twin of bus/broker_connection.h: a real ConnectionCore on a simulated Link. What is decided is
// production code; this is only its shell.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "bus/connection_core.h"
#include "tests/sim/link.h"

namespace parley::sim {

class PeerLink : public DealerEnd {
 public:
  enum class AtLoss { read, drop };
  struct Options {
    std::string registration;
    InstanceId instance;
    std::optional<BootId> boot;  // nothing: a new one for each connection
    std::size_t outbox_max;
    AtLoss at_loss;
    DeliveryWindow deliveries = {};
  };
  struct Handlers {
    std::function<void()> on_up;
    std::function<void()> on_leaving = [] {};
    std::function<void()> on_down;
    std::function<void(const EnvelopeHeader&, std::string_view body)> on_message;
    std::function<bool()> is_alive = [] { return true; };
  };

  PeerLink(Node& node, Link& link, Options options, Handlers handlers);

  bool send(std::string bytes, std::size_t waiting_max) {
    return core_.send(std::move(bytes), waiting_max);
  }
  bool send(std::string bytes) { return core_.send(std::move(bytes)); }
  void register_no_more() { core_.register_no_more(); }
  void leave();

  // Reads at most `most` messages; whether more may wait.
  bool read(std::size_t most);
  void flush();
  // Each 100 ms.
  void tick();

  bool is_up() const { return core_.is_up(); }
  std::uint64_t broker() const { return core_.broker(); }
  std::size_t outbox_size() { return core_.outbox().size(); }

 private:
  void on_connected() override { perform(core_.on_connected()); }
  void on_disconnected() override;
  void open();
  void take(std::string_view bytes);
  void perform(ConnectionCore::Change change);

  Node& node_;
  Link& link_;
  Options options_;
  Handlers handlers_;
  ConnectionCore core_;
  std::string batch_;
};

}  // namespace parley::sim
