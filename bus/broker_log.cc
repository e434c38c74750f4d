#include "bus/broker_log.h"

#include "base/log.h"
#include "bus/curve.h"
#include "bus/key_list.h"
#include "proto/trace_text.h"

namespace parley {
namespace {

constexpr std::string_view event_names[] = {
    "peer.registered",  "peer.refused", "peer.draining", "peer.left",     "peer.replaced",
    "peer.unreachable", "peer.silent",  "peer.revoked",  "peer.impostor", "peer.forbidden",
    "peer.malformed", "peer.unregistered", "peer.rate_limited", "peer.unasked_reply", "peer.stuck"};

// Things that a stranger or a broken peer can make happen as often as it likes.
bool is_refusal(PeerEvent::Kind kind) {
  return kind == PeerEvent::Kind::refused || kind >= PeerEvent::Kind::impostor;
}

}  // namespace

void BrokerLog::write(const PeerEvent& event, Instant now) {
  const std::string_view name = event_names[static_cast<std::size_t>(event.kind)];
  const log::Field peer("peer", event.name);
  const log::Field role("role", name_of(event.role));
  const log::Field key("key", fingerprint(event.key));
  if (event.kind == PeerEvent::Kind::revoked) return log::warn(name, {peer, role, key});
  const std::string culprit = std::string(name) + event.name;
  if (!is_refusal(event.kind)) {
    if (changes_.admits(culprit, now)) log::info(name, {peer, role, key});
    return;
  }
  const std::string refusal =
      culprit + event.key + std::to_string(static_cast<unsigned>(event.reason));
  if (refusals_.admits(refusal, now))
    log::warn(name, {peer, role, key, {"reason", event.reason}});
}

void BrokerLog::write_refused_key(const ZapRequest& request, Instant now) {
  if (refusals_.admits(request.key, now))
    log::warn("peer.key_refused",
              {{"key", fingerprint(request.key)}, {"address", request.address}});
}

void BrokerLog::write_suppressed(Instant now) {
  if (const std::uint64_t count = refusals_.take_suppressed(now); count > 0)
    log::warn("peer.refusals_not_logged", {{"count", count}});
  if (const std::uint64_t count = changes_.take_suppressed(now); count > 0)
    log::warn("peer.changes_not_logged", {{"count", count}});
}

void BrokerLog::write(const ParkedEvent& parked) {
  log::warn("request.parked", {{"ticket", parked.ticket},
                               {"gateway", parked.id.gateway},
                               {"boot", parked.id.boot},
                               {"number", parked.id.number},
                               {"verb", parked.verb},
                               {"user", parked.user},
                               {"key", parked.key},
                               {"trace", trace_text(parked.trace)},
                               {"bytes", parked.bytes}});
}

}  // namespace parley
