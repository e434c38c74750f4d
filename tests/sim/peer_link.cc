#include "tests/sim/peer_link.h"

#include <utility>

#include "base/assert.h"
#include "bus/batch.h"

namespace parley::sim {
namespace {
constexpr std::size_t budget = 128;
}  // namespace

PeerLink::PeerLink(Node& node, Link& link, Options options, Handlers handlers)
    : node_(node),
      link_(link),
      options_(std::move(options)),
      handlers_(std::move(handlers)),
      core_({.registration = options_.registration,
             .instance = options_.instance,
             .outbox_max = options_.outbox_max,
             .is_alive = handlers_.is_alive,
             .link = {},
             .deliveries = options_.deliveries},
            node.universe().random.next()) {
  open();
}

void PeerLink::open() {
  Universe& universe = node_.universe();
  link_.open(*this, node_.name() + "/" + std::to_string(universe.random.next()));
  perform(core_.on_opened(options_.boot.value_or(BootId{universe.random.next() | 1}),
                          universe.now()));
}

bool PeerLink::read(std::size_t most) {
  for (; most > 0; --most) {
    if (core_.needs_socket()) return false;
    const auto bytes = link_.receive_down();
    if (!bytes) return false;
    PARLEY_ASSERT(unpack(*bytes, [this](std::string_view envelope) { take(envelope); }));
  }
  return true;
}

void PeerLink::take(std::string_view bytes) {
  const auto envelope = decode_envelope(bytes);
  PARLEY_ASSERT(envelope.has_value());
  const auto received = core_.on_message(*envelope, node_.universe().now());
  perform(received.change);
  if (received.for_owner) handlers_.on_message(envelope->header, envelope->body);
}

void PeerLink::flush() {
  auto& outbox = core_.outbox();
  while (!outbox.empty()) {
    auto rest = outbox.begin();
    if (link_.send_up(std::string(pack(rest, outbox.end(), batch_))) != Link::Sent::sent) return;
    outbox.erase(outbox.begin(), rest);
  }
}

void PeerLink::leave() {
  core_.leave();
  flush();
  link_.close(Link::Close::when_sent);
}

void PeerLink::on_disconnected() {
  if (options_.at_loss == AtLoss::read) read(100 * budget);
  perform(core_.on_disconnected());
}

void PeerLink::tick() {
  if (core_.needs_socket()) return;
  read(10 * budget);
  perform(core_.on_tick(node_.universe().now()));
}

void PeerLink::perform(ConnectionCore::Change change) {
  switch (change) {
    case ConnectionCore::Change::none: break;
    case ConnectionCore::Change::up: handlers_.on_up(); break;
    case ConnectionCore::Change::leaving: handlers_.on_leaving(); break;
    case ConnectionCore::Change::down:
      node_.after(0ms, [this] { open(); });
      handlers_.on_down();
      break;
  }
  static_cast<void>(core_.take_refusal());
}

}  // namespace parley::sim
