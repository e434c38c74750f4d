// What an operator finds in a broker's log about its peers and requests. Refusals are an audit: every one is
// counted. Neither strangers nor peers that come and go without end can fill the log (audit_trail.h): a peer gets 5
// lines of a kind at once, then one in 10 s. Of a key there is its fingerprint (curve.h).
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
  // Once in a while: says how many found no place.
  void write_suppressed(Instant now);

 private:
  AuditTrail refusals_;
  // All peers of a full broker may come, or be lost, at once.
  AuditTrail changes_{{.each = {.count = 1, .burst = 5, .period = 10s},
                       .together = {.count = 20, .burst = 2'048}}};
};

}  // namespace parley
