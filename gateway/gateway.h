// A gateway: builds everything of this folder together on one loop, and carries out what the pure parts
// decide. Knows clients and the bus; knows no bodies but those of the notices that are meant for itself.
// Thread: the loop's.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "base/loop.h"
#include "base/metrics.h"
#include "gateway/admission.h"
#include "gateway/broadcasts.h"
#include "gateway/catch_up.h"
#include "gateway/connection.h"
#include "base/id_map.h"
#include "gateway/listener.h"
#include "gateway/metrics_report.h"
#include "gateway/request_bus.h"
#include "gateway/route_reporter.h"
#include "gateway/session_table.h"
#include "gateway/settings.h"
#include "gateway/slot_map.h"
#include "gateway/timer_wheel.h"
#include "gateway/user_rates.h"
#include "proto/delivery.h"

namespace parley {

class Gateway : private ConnectionOwner {
 public:
  // `bus` must outlive the gateway and call it only while it lives. Requires: init_crypto() was called.
  Gateway(Loop& loop, const GatewaySettings& settings, std::vector<ServerKey> keys, RequestBus& bus,
          Metrics& metrics);
  ~Gateway() override;  // closes what is left
  Gateway(const Gateway&) = delete;
  Gateway& operator=(const Gateway&) = delete;

  // Takes connections at every address of the settings. config, io: one of them is not possible.
  Status listen();
  // The ports in use, in the order of the settings.
  std::vector<std::uint16_t> ports() const;

  // -- from the bus
  void on_reply(const EnvelopeHeader& header, std::string_view body);
  void on_delivery(const EnvelopeHeader& header, std::string_view body);
  // Who routes what here may have been forgotten: every user is reported again.
  void on_bus_connected();

  // Takes no new connections and requests, sends every client away when its last request is answered.
  // `done` is called once: when all are gone and that is reported, or after the settings' drain_ms.
  void drain(std::function<void()> done);

  const GatewayCounts& counts() const { return counts_; }
  std::size_t connections() const { return connections_.size(); }
  std::size_t sessions() const { return table_.sessions(); }

 private:
  struct PendingRequest {
    ConnectionId connection;
    FrameHeader request;  // the client's
  };
  struct Draining {
    Instant until;
    std::function<void()> done;
  };

  // ConnectionOwner
  void on_action(Connection& connection, Session::Action& action) override;
  void on_dirty(Connection& connection) override;
  void on_paused(Connection& connection) override;
  void on_deadline_moved(Connection& connection) override;
  void on_held_changed(std::size_t before, std::size_t after) override;
  void on_closed(Connection& connection) override;

  void accept(uv_stream_s* listener);
  std::optional<Refusal> admit(std::uint64_t origin);
  Connection* oldest_silent();
  bool make_room();
  Duration busy_with_handshakes();
  void publish(Connection& connection, const Session::Publish& request);
  void bind(Connection& connection, const SessionIdentity& identity);
  void unbind(ConnectionId connection);
  void end_sessions(const std::vector<ConnectionId>& connections, Errc reason);
  void leave(Connection& connection);
  void fan_out(const DeliveryItem& item, bool addressed_to_us);
  void report_everybody();
  void tell_to_catch_up();
  // False: dropped, too many wait.
  bool broadcast(const DeliveryItem& item);
  void broadcast_piece();
  void on_gateway_notice(const DeliveryItem& item);
  void before_block();
  void flush_dirty();
  void file(Connection& connection);
  void tick();
  void report_routes();
  void arm_report();
  void check_drained();

  Loop& loop_;
  GatewaySettings settings_;
  InstanceId instance_;
  RequestBus& bus_;
  GatewayCounts counts_;
  MetricsReport metrics_;
  SessionRules rules_;
  ConnectionWorld world_;
  Random random_;

  SlotMap<Connection> connections_;
  SessionTable table_;
  Admission admission_;
  std::deque<ConnectionId> newcomers_;  // before login, by age; who was seen logging in comes last
  TokenBucket handshakes_;
  std::uint64_t handshakes_charged_ = 0;
  UserRates user_rates_;
  Broadcasts broadcasts_;
  CatchUp catch_up_;
  IdMap<PendingRequest> pending_;  // by the bus's number; bounded by the bus
  RouteReporter routes_;
  std::optional<std::uint64_t> report_number_;  // the route report that is unanswered
  std::optional<Instant> report_armed_;
  TimerWheel wheel_;
  std::vector<TimerWheel::Due> due_;
  std::vector<ConnectionId> dirty_;   // have something to write
  std::vector<ConnectionId> paused_;  // read again in the next turn
  std::vector<ConnectionId> turn_;    // scratch of flush_dirty
  std::optional<Draining> draining_;

  std::vector<std::unique_ptr<Listener>> listeners_;
  Timer tick_;
  Timer report_timer_;
  Timer flush_soon_;
  bool broadcasting_ = false;  // a piece was written lately
  Timer broadcast_timer_;
  BeforeBlock before_block_;
};

}  // namespace parley
