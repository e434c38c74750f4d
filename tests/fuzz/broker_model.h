// What must hold of a broker, whatever its peers say and whenever: a model that is told each input,
// reads what the broker does, and aborts when that breaks a promise. It knows nothing of how the
// broker chooses.
//
//  - a registration has a role and a name that its principal may have; one life per name
//  - bytes that are no envelope, and whoever is not registered, cause nothing but an answer to
//  themselves
//  - a request reaches a worker that offers its service, as it was given, within its time; the
//  worker never
//    holds more than its credit
//  - when a request is sent, every older open one of its (service, key) has been sent to the same
//  worker
//  - a request is answered at most once per acceptance, to the life that asked: by the very bytes
//  of the worker
//    that it was sent to last (of what a business system answers: by what it may say), or by an
//    error of the broker's own; who his asker is, a business system does not choose
//  - deliveries arrive as they were given, in order, and never more than the receiver's window
//  - `internal` only after the last attempt, which is made when whoever died together with the second is known to
//    be dead, and one last attempt at a time per worker
//  - what a broker says of its peers' credit is what they hold
//  - peers, requests and bytes stay within their bounds
//  - when workers answer again, everything is answered and nothing is held
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <unordered_set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "bus/broker.h"

namespace parley::fuzz {

class BrokerModel {
 public:
  BrokerModel(Broker& broker, const BrokerOptions& options) : broker_(broker), options_(options) {}

  // Hands it to the broker, and checks what that does.
  void give(const PeerKey& from, const Principal& who, const std::string& bytes, Instant now);
  void unreachable(const PeerKey& peer, Instant now);
  void hint(Instant now);
  void tick(Instant now);
  void drain(Instant now);

  bool is_registered(const PeerKey& key) const { return lives_.contains(key); }
  bool is_registered(const PeerKey& key, const Principal& who) const;
  // The newest of what it was sent and has not answered; nothing: it holds nothing.
  std::optional<RequestId> held_by(const PeerKey& worker) const;
  // The addresses of all who serve, or of all who do not.
  std::vector<PeerKey> servers() const { return those_who(Serves::yes); }
  std::vector<PeerKey> askers() const { return those_who(Serves::no); }
  // How many deliveries a peer has been sent, and their bytes.
  std::pair<std::uint64_t, std::uint64_t> delivered_to(const PeerKey& key) const;
  // After everybody who is left has answered everything.
  void expect_all_settled() const;

 private:
  enum class Serves : bool { no, yes };
  struct ById {
    bool operator()(const RequestId& a, const RequestId& b) const {
      return std::tuple(a.gateway.value, a.boot.value, a.number) <
             std::tuple(b.gateway.value, b.boot.value, b.number);
    }
  };
  struct ByKey {
    bool operator()(const PeerKey& a, const PeerKey& b) const {
      return std::tie(a.side, a.protection, a.identity) <
             std::tie(b.side, b.protection, b.identity);
    }
  };
  // One registration, from its acceptance to its end.
  struct Life {
    std::uint64_t serial = 0;
    std::string name;
    std::string key;  // of its principal
    Role role = Role::gateway;
    InstanceId instance;
    BootId boot;
    Serves serves = Serves::no;
    std::set<std::uint64_t> services = {};  // numbers, and hashes of the names of apps
    std::uint32_t credit_messages = 0;
    std::uint32_t credit_bytes = 0;
    std::vector<std::pair<RequestId, std::size_t>> held = {};  // sent to it, not answered by it
    // Deliveries: its window, and what has gone to it.
    std::uint32_t window_messages = 0;
    std::uint32_t window_bytes = 0;
    std::deque<std::string> due = {};
    std::uint64_t sent = 0;
    std::uint64_t sent_bytes = 0;
    std::uint64_t dealt = 0;
    std::uint64_t dealt_bytes = 0;
    bool answers_traces = true;
    std::set<std::uint64_t> traces_asked = {};  // queries that it has not answered
  };
  using Lives = std::map<PeerKey, Life, ByKey>;
  struct Open {
    std::string bytes;  // as it was given; of a business system, what of it may go on
    std::uint64_t order = 0;
    Instant expires = {};
    std::uint64_t worker = 0;  // serial of the life that it was sent to last
    std::uint64_t sent = 0;    // when, counted in sends
    unsigned attempt = 0;
    unsigned deaths = 0;  // of lives that it was sent to last
    Instant died = {};    // the last of them
    // While its asker was gone it may have been answered without our knowing.
    bool is_certain = true;
  };
  struct Given {
    PeerKey from;
    Principal who;
    std::string bytes;
    std::optional<EnvelopeHeader> header = {};
    bool was_registered = false;
    bool answers_open = false;  // a reply of the worker that the request was sent to last
  };

  void note(const PeerKey& from, const Principal& who, const std::string& bytes, Instant now);
  void note_request(const Life& life, const EnvelopeHeader& header, Instant now);
  void note_reply(Life& life, const EnvelopeHeader& header);
  void note_delivery(const EnvelopeHeader& header);
  void note_credit(Life& life, const EnvelopeHeader& header);
  void note_admin();
  void check(Instant now);
  void check_registered(const PeerEvent& event);
  void check_forwarded(const std::string& bytes) const;
  void check_delivery(const PeerKey& to, const std::string& bytes);
  void note_deaths(const PeerEvent& event, Instant now);
  Lives::iterator life_of(Role role, const std::string& name);
  void end(Role role, const std::string& name);
  void check_action(const BrokerAction& action, Instant now);
  bool is_given_up(const PeerKey& peer) const;
  void check_request(const PeerKey& to, const std::string& bytes, Instant now);
  void check_order(const Life& worker, const Open& open, const EnvelopeHeader& header) const;
  void check_reply(const PeerKey& to, const std::string& bytes);
  void check_trace_query(const PeerKey& to, const EnvelopeHeader& header);
  void check_trace_answer(const std::string& bytes);
  void check_status(const std::string& bytes) const;
  void check_bounds() const;
  std::vector<PeerKey> those_who(Serves serves) const;

  Broker& broker_;
  const BrokerOptions options_;
  Lives lives_;
  std::map<RequestId, Open, ById> open_;
  std::optional<Given> given_;
  std::map<std::uint64_t, RequestId> parked_;  // by ticket
  bool is_draining_ = false;
  std::set<std::pair<Role, std::string>> given_up_;  // for their silence, in this step
  std::unordered_set<PeerKey> business_addresses_;   // of now and before
  std::uint64_t malformed_ = 0;
  std::uint64_t serials_ = 0;
  std::uint64_t orders_ = 0;
  std::uint64_t sends_ = 0;
};

}  // namespace parley::fuzz
