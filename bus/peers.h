// Who is registered at a broker, found by address or by name. Pure. Bounded by BrokerOptions::peers_max,
// which the broker enforces before it adds one.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "bus/broker_types.h"
#include "bus/deliveries.h"
#include "bus/principal.h"
#include "bus/requests.h"
#include "bus/seeded_hash.h"

namespace parley {

// What only who serves has: workers, and business systems with apps. Credit: `held` never exceeds the
// window, but for a single request that is larger than the window's bytes and travels alone.
struct WorkerState {
  std::vector<std::uint8_t> built_in;  // numbers of services.def
  std::vector<std::string> apps;       // "app.payroll"
  std::vector<Service*> services;      // both, once it is registered
  std::uint32_t credit_messages = 0;
  std::size_t credit_bytes = 0;
  std::size_t held_messages = 0;  // sent and not answered by it, ghosts included
  std::size_t held_bytes = 0;
  bool draining = false;
  bool is_gone = false;  // a send has failed: it is given nothing, but may have said something
  std::uint64_t credit_exhausted = 0;  // requests that had to wait for it
  RequestList queue;        // bound to it, waiting for credit, in order of arrival
  RequestList outstanding;  // sent to it, in the order of sending
  // The one request on its last attempt that it holds: of several, innocents would be condemned with the
  // culprit.
  SlabIndex last_attempt = no_index;
  // Requests that were taken from it (attempt timeout, expiry) while it still holds them: their credit
  // comes back with its late answer. Value: bytes. Never more than credit_messages.
  std::unordered_multimap<RequestId, std::size_t, SeededHash<RequestId>> ghosts;
};

struct Peer {
  PeerKey key;
  std::string name;
  InstanceId instance;  // hash of the name
  BootId boot;          // this incarnation
  std::uint64_t registration = 0;  // counts at this broker
  Role role = Role::gateway;
  Principal principal = {};
  std::uint64_t account = 0;  // RoleMeter::account_of
  Instant heard_at = {};
  Instant pinged_at = {};
  std::uint64_t requests = 0;  // received from it, or sent to it if it only serves
  std::optional<WorkerState> worker = {};  // if it serves
  DeliveryState deliveries = {};
  bool answers_traces = true;
};

class Peers {
 public:
  Peer* find(const PeerKey& key);
  Peer* named(Side side, InstanceId instance);
  // Who waits for the answer to `id`; null if he is gone or another life of him is here.
  Peer* asker(const RequestId& id);

  // Requires: neither its key nor its (side, instance) is there. The reference lasts until remove().
  Peer& add(Peer peer);
  Peer remove(Peer& peer);

  std::size_t size() const { return by_key_.size(); }
  template <typename Visit>
  void for_each(Visit visit) {
    for (auto& [key, peer] : by_key_) visit(*peer);
  }

 private:
  std::unordered_map<PeerKey, std::unique_ptr<Peer>> by_key_;
  std::array<std::unordered_map<InstanceId, Peer*>, 2> by_instance_;
};

}  // namespace parley
