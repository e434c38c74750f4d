// What an operator finds in a broker's log about its peers and requests. Refusals are an audit: every one is
// counted, and strangers cannot fill the log (audit_trail.h). Of a key there is its fingerprint (curve.h).
// Thread: the loop's.
#pragma once

#include "base/clock.h"
#include "bus/audit_trail.h"
#include "bus/broker_types.h"
#include "bus/zap.h"

namespace parley {

class BrokerLog {
 public:
  void write(const PeerEvent& event, Instant now);
  void write(const ParkedEvent& event);
  void write_refused_key(const ZapRequest& request, Instant now);
  // Once in a while: says how many refusals found no place.
  void write_suppressed(Instant now);

 private:
  AuditTrail trail_;
};

}  // namespace parley
