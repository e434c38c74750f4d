// Reads a peer's REGISTER: everything about it that can be judged without knowing who else is there. Pure.
#pragma once

#include "base/result.h"
#include "bus/broker_types.h"
#include "bus/peers.h"
#include "bus/principal.h"
#include "proto/envelope.h"

namespace parley {

// The peer as it wants to be. Windows larger than the options allow are cut. bad_request: not a
// RegisterPeer, a role that its side may not have, a name that is not 1 … 64 of [A-Za-z0-9._-] or does
// not hash to the envelope's id, no boot id; of a worker: no services, one that is no number 1 … 255, or
// no credit; of a business system: more than 16 apps, one that is not called "app.…", or apps without
// credit. refused: a role that its key may not have, a name that its key may not
// bear, an app that is not named after it.
Result<Peer> read_registration(const PeerKey& from, const Principal& who, const Envelope& envelope,
                               const BrokerOptions& options);

}  // namespace parley
