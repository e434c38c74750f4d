#include "bus/registration.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "proto/bus.pb.h"

namespace parley {
namespace {

constexpr std::size_t name_bytes_max = 64;

// Names become labels of metrics and words in logs.
bool is_name(std::string_view name) {
  const auto is_allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  };
  return !name.empty() && name.size() <= name_bytes_max && std::ranges::all_of(name, is_allowed);
}

Result<WorkerState> read_worker(const wire::RegisterPeer& wish, const BrokerOptions& options) {
  WorkerState worker;
  for (const std::uint32_t service : wish.services()) {
    if (service < 1 || service > 255) return fail(Errc::bad_request, "service number");
    const auto number = static_cast<std::uint8_t>(service);
    if (std::ranges::find(worker.services, number) == worker.services.end())
      worker.services.push_back(number);
  }
  if (worker.services.empty()) return fail(Errc::bad_request, "a worker without services");
  worker.credit_messages = std::min(wish.credit_messages(), options.credit_messages_max);
  worker.credit_bytes = std::min(wish.credit_bytes(), options.credit_bytes_max);
  if (worker.credit_messages == 0 || worker.credit_bytes == 0)
    return fail(Errc::bad_request, "a worker without credit");
  return worker;
}

}  // namespace

Result<Peer> read_registration(const PeerKey& from, const Principal& who, const Envelope& envelope,
                               const BrokerOptions& options) {
  wire::RegisterPeer wish;
  if (!wish.ParseFromArray(envelope.body.data(), static_cast<int>(envelope.body.size())))
    return fail(Errc::bad_request, "not a RegisterPeer");
  if (!is_name(wish.name())) return fail(Errc::bad_request, "name");
  Peer peer{.key = from,
            .name = wish.name(),
            .instance = instance_id(wish.name()),
            .boot = envelope.header.id.boot};
  if (peer.instance != envelope.header.id.gateway || !peer.boot)
    return fail(Errc::bad_request, "id does not match the name");
  const bool is_worker = from.side == Side::workers;
  if (wish.role() != (is_worker ? wire::PEER_ROLE_WORKER : wire::PEER_ROLE_GATEWAY))
    return fail(Errc::bad_request, "role");
  if (!who.roles.has(is_worker ? Role::worker : Role::gateway) || !who.may_be_called(peer.name))
    return fail(Errc::refused, "not with this key");
  if (is_worker) {
    PARLEY_TRY(peer.worker, read_worker(wish, options));
  }
  return peer;
}

}  // namespace parley
