#include "perf/raw/bus_peer.h"

#include "base/random.h"
#include "bus/batch.h"
#include "proto/bus.pb.h"
#include "proto/verbs.h"

namespace parley::perf {
namespace {

constexpr int read_max = 256;
// More than any load has in flight: the broker's book-keeping of credit is measured, not waiting
// for it.
constexpr std::uint32_t credit_messages = 65'536;
constexpr std::uint32_t credit_bytes = 256 << 20;

}  // namespace

BusPeer::BusPeer(ZeroMq& zmq, const Options& options)
    : options_(options),
      dealer_(zmq, options.endpoint, options.curve),
      instance_(instance_id(options.name)),
      boot_(secure_random_id()) {}

bool BusPeer::is_ready() {
  if (!asked_ && dealer_.is_connected()) {
    asked_ = true;
    if (options_.middle == Middle::proxy) ready_ = true;
    else register_us();
  }
  return ready_;
}

void BusPeer::register_us() {
  wire::RegisterPeer body;
  body.set_name(options_.name);
  body.set_role(wire::PEER_ROLE_GATEWAY);
  if (options_.role == Role::worker) {
    body.set_role(wire::PEER_ROLE_WORKER);
    body.add_services(service_of(static_cast<std::uint16_t>(Verb::c2c_send)));
    body.set_credit_messages(credit_messages);
    body.set_credit_bytes(credit_bytes);
  }
  dealer_.send({}, encode({.kind = EnvelopeKind::register_peer,
                           .id = {.gateway = instance_, .boot = boot_}},
                          body.SerializeAsString()));
}

void BusPeer::read(const OnEnvelope& on_envelope) {
  for (int i = 0; i < read_max && dealer_.receive(incoming_); ++i) {
    const bool whole =
        unpack(incoming_.bytes, [&](std::string_view bytes) { take(bytes, on_envelope); });
    if (!whole) failure_ = "a batch that is cut off";
  }
  flush();
}

void BusPeer::take(std::string_view bytes, const OnEnvelope& on_envelope) {
  const auto envelope = decode_envelope(bytes);
  if (!envelope) {
    failure_ = "bytes that are no envelope";
    return;
  }
  switch (envelope->header.kind) {
    case EnvelopeKind::registered: ready_ = true; return;
    case EnvelopeKind::not_registered:
      failure_ = "refused with error " + std::to_string(envelope->header.error);
      return;
    case EnvelopeKind::ping: return say({}, encode({.kind = EnvelopeKind::pong}, {}));
    case EnvelopeKind::pong: return;
    default: return on_envelope(*envelope, bytes, incoming_.route);
  }
}

void BusPeer::say(std::string_view route, std::string_view bytes) {
  if (options_.packing == Packing::single) return dealer_.send(route, bytes);
  mail_.emplace_back(bytes);
}

void BusPeer::flush() {
  for (auto next = mail_.begin(); next != mail_.end();) {
    dealer_.send({}, pack(next, mail_.end(), batch_));
  }
  mail_.clear();
}

}  // namespace parley::perf
