// The simulated twin of bus/broker_process.h: a real Broker, its two ROUTERs, tick, and hints of lost connections.
// Watches what the broker does for the judge.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "bus/broker.h"
#include "tests/sim/judge.h"
#include "tests/sim/link.h"
#include "tests/sim/options.h"

namespace parley::sim {

class BrokerNode : public Node {
 public:
  BrokerNode(Universe& universe, const WorldOptions& options, Judge& judge, std::string name);

  // The ROUTER of one side; links are given to it before the first start.
  RouterEnd& router(Side side) { return routers_[static_cast<std::size_t>(side)]; }
  void add_link(Side side, Link& link) {
    routers_[static_cast<std::size_t>(side)].links.push_back(&link);
  }

  // Null while it is dead.
  Broker* broker() { return broker_.get(); }
  // After everything converged: nothing held, all credit back.
  void expect_idle();

 private:
  struct Open {
    ConnectionPtr connection;
    Link* link;
  };
  struct Router : RouterEnd {
    void attach(Link& link, const ConnectionPtr& connection) override;
    void detach(const ConnectionPtr& connection) override;
    BrokerNode* node = nullptr;
    Side side = Side::gateways;
    std::vector<Link*> links;
    std::vector<Open> open;  // also those that ended and have something unread
    std::unordered_map<std::string, ConnectionPtr> routes;
  };
  // What the broker was just given, to judge its answers by.
  struct Given {
    EnvelopeHeader header{};
    std::size_t bytes = 0;
    std::size_t held = 0;
    std::size_t held_bytes = 0;
    std::size_t waiting = 0;
  };

  // Requests that a worker was sent and has not answered, in its present registration.
  struct Lent {
    std::string identity;
    std::size_t bytes = 0;
    // One that was taken away and came back is there twice.
    std::unordered_multimap<RequestId, std::size_t> requests;
  };
  // Deliveries to a gateway in its present registration, and what it has said of them.
  struct Delivered {
    std::uint64_t sent = 0, sent_bytes = 0;
    std::uint64_t dealt = 0, dealt_bytes = 0;
  };

  void on_start() override;
  void on_terminate() override;
  void on_end() override;
  void turn() override;
  void flush() override {}

  std::size_t read(Router& router, std::size_t budget);
  void give(const PeerKey& from, const std::string& bytes);
  void collect();
  void perform();
  enum class SendResult { done, unreachable };
  SendResult send(const PeerKey& to, const std::vector<std::string>& envelopes);
  void tick();

  static std::string name_of(const PeerKey& peer);
  void watch(const BrokerEvent& event);
  void watch(const BrokerAction& action);
  void watch_request(const PeerKey& to, const EnvelopeHeader& header, std::size_t bytes);
  void watch_answer(const PeerKey& from);
  void watch_delivery(const PeerKey& to, std::size_t bytes);
  void watch_credit(const PeerKey& from);
  void watch_error(const EnvelopeHeader& reply);
  bool may_shed(const RequestId& id) const;
  bool may_expire(const Asked& asked) const;
  void check_bounds();

  const WorldOptions& options_;
  Judge& judge_;
  std::array<Router, 2> routers_;
  std::unique_ptr<Broker> broker_;
  BrokerOptions broker_options_;
  Given given_;
  std::vector<BrokerAction> actions_;  // watched and not yet performed
  Instant started_;
  Instant drain_until_;
  bool hinted_ = false;
  int probes_left_ = 0;
  bool performing_ = false;
  std::unordered_set<std::uint8_t> offered_;            // services, in this life
  std::unordered_map<RequestId, unsigned> last_attempt_;  // sent in this life
  std::unordered_map<RequestId, Instant> second_sent_;    // its last attempt but one
  std::unordered_map<std::string, Lent> lent_;            // by name
  std::unordered_map<std::string, Delivered> delivered_;  // by identity
  std::uint64_t workers_lost_ = 0;
  std::string batch_;
};

}  // namespace parley::sim
