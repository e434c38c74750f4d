#include "bus/peers.h"

#include <utility>

#include "base/assert.h"

namespace parley {

Peer* Peers::find(const PeerKey& key) {
  const auto found = by_key_.find(key);
  return found == by_key_.end() ? nullptr : found->second.get();
}

Peer* Peers::named(Side side, InstanceId instance) {
  const auto& names = by_instance_[static_cast<std::size_t>(side)];
  const auto found = names.find(instance);
  return found == names.end() ? nullptr : found->second;
}

Peer* Peers::asker(const RequestId& id) {
  Peer* gateway = named(Side::gateways, id.gateway);
  return gateway != nullptr && gateway->boot == id.boot ? gateway : nullptr;
}

Peer& Peers::add(Peer peer) {
  auto owned = std::make_unique<Peer>(std::move(peer));
  Peer& added = *owned;
  auto& names = by_instance_[static_cast<std::size_t>(added.key.side)];
  PARLEY_ASSERT(names.emplace(added.instance, &added).second);
  PARLEY_ASSERT(by_key_.emplace(added.key, std::move(owned)).second);
  return added;
}

Peer Peers::remove(Peer& peer) {
  by_instance_[static_cast<std::size_t>(peer.key.side)].erase(peer.instance);
  return std::move(*by_key_.extract(peer.key).mapped());
}

}  // namespace parley
