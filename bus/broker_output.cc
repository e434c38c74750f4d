#include "bus/broker_output.h"

#include "bus/peers.h"

namespace parley {

void BrokerOutput::answer(const PeerKey& to, const Principal& who, std::string bytes) {
  if (who.roles == Roles{Role::business}) {
    const std::uint64_t account = RoleMeter::account_of(who, {});
    if (!unread.has_room(to, account, bytes.size())) {
      ++counters.unread_dropped;
      return;
    }
    unread.sent(to, account, bytes.size());
  }
  send(to, std::move(bytes));
}

// Gateways and workers are ours.
bool BrokerOutput::has_room(const Peer& to, std::size_t bytes) const {
  return to.role != Role::business || unread.has_room(to.key, to.account, bytes);
}

bool BrokerOutput::send(const Peer& to, std::string bytes) {
  if (!has_room(to, bytes.size())) {
    ++counters.unread_dropped;
    tell(PeerEvent::Kind::stuck, to);
    return false;
  }
  if (to.role == Role::business) unread.sent(to.key, to.account, bytes.size());
  send(to.key, std::move(bytes));
  return true;
}

void BrokerOutput::tell(PeerEvent::Kind kind, const Peer& peer) {
  events.emplace_back(
      PeerEvent{.kind = kind, .role = peer.role, .name = peer.name, .key = peer.principal.key});
}

}  // namespace parley
