#include "bus/registration.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "proto/app_name.h"
#include "proto/bus.pb.h"
#include "proto/verbs.h"

namespace parley {
namespace {

constexpr int apps_of_one_max = 16;

// Nothing: not a role that registers.
std::optional<Role> role_of(wire::PeerRole role) {
  switch (role) {
    case wire::PEER_ROLE_GATEWAY: return Role::gateway;
    case wire::PEER_ROLE_WORKER: return Role::worker;
    case wire::PEER_ROLE_BUSINESS: return Role::business;
    default: return std::nullopt;
  }
}

Side side_of(Role role) { return role == Role::worker ? Side::workers : Side::gateways; }

Status read_credit(const wire::RegisterPeer& wish, const BrokerOptions& options,
                   WorkerState& worker) {
  worker.credit_messages = std::min(wish.credit_messages(), options.credit_messages_max);
  worker.credit_bytes = std::min(wish.credit_bytes(), options.credit_bytes_max);
  if (worker.credit_messages == 0 || worker.credit_bytes == 0)
    return fail(Errc::bad_request, "serves without credit");
  return {};
}

Result<WorkerState> read_worker(const wire::RegisterPeer& wish, const BrokerOptions& options) {
  WorkerState worker;
  for (const std::uint32_t service : wish.services()) {
    if (service < 1 || service > 255 || service == static_cast<std::uint32_t>(ServiceId::app))
      return fail(Errc::bad_request, "service number");
    const auto number = static_cast<std::uint8_t>(service);
    if (std::ranges::find(worker.built_in, number) == worker.built_in.end())
      worker.built_in.push_back(number);
  }
  if (worker.built_in.empty() || wish.apps_size() > 0)
    return fail(Errc::bad_request, "a worker without services, or with apps");
  PARLEY_CHECK(read_credit(wish, options, worker));
  return worker;
}

// "payroll" and "payroll-2" may offer "app.payroll": whoever lists a key thereby says what it may serve.
bool may_offer(std::string_view name, std::string_view app) {
  const std::string_view stem = app.substr(app_prefix.size());
  if (!name.starts_with(stem)) return false;
  return name.size() == stem.size() || name[stem.size()] == '-' || name[stem.size()] == '.';
}

// Nothing: it serves nothing.
Result<std::optional<WorkerState>> read_apps(const wire::RegisterPeer& wish, const Principal& who,
                                             const BrokerOptions& options) {
  if (wish.services_size() > 0 || wish.apps_size() > apps_of_one_max)
    return fail(Errc::bad_request, "services that are no apps, or too many");
  if (wish.apps_size() == 0) return std::nullopt;
  WorkerState worker;
  for (const std::string& app : wish.apps()) {
    if (!is_app_name(app)) return fail(Errc::bad_request, "name of an app");
    if (!who.key.empty() && !may_offer(wish.name(), app))
      return fail(Errc::refused, "not under this name");
    // Apps are told apart by the hashes of their names alone.
    const auto is_same = [&](const std::string& other) {
      return instance_id(other) == instance_id(app);
    };
    if (std::ranges::none_of(worker.apps, is_same)) worker.apps.push_back(app);
  }
  PARLEY_CHECK(read_credit(wish, options, worker));
  return worker;
}

void read_delivery_window(const wire::RegisterPeer& wish, const BrokerOptions& options,
                          DeliveryState& deliveries) {
  if (wish.delivery_bytes() == 0) return;
  deliveries.window_messages = std::min(wish.delivery_messages(), options.delivery_messages_max);
  deliveries.window_bytes = std::min(wish.delivery_bytes(), options.delivery_bytes_max);
}

}  // namespace

Result<Peer> read_registration(const PeerKey& from, const Principal& who, const Envelope& envelope,
                               const BrokerOptions& options) {
  wire::RegisterPeer wish;
  if (!wish.ParseFromArray(envelope.body.data(), static_cast<int>(envelope.body.size())))
    return fail(Errc::bad_request, "not a RegisterPeer");
  if (!is_bus_name(wish.name())) return fail(Errc::bad_request, "name");
  Peer peer{.key = from,
            .name = wish.name(),
            .instance = instance_id(wish.name()),
            .boot = envelope.header.id.boot,
            .principal = who};
  if (peer.instance != envelope.header.id.gateway || !peer.boot)
    return fail(Errc::bad_request, "id does not match the name");
  const auto role = role_of(wish.role());
  if (!role || side_of(*role) != from.side) return fail(Errc::bad_request, "role");
  if (!who.roles.has(*role) || !who.may_be_called(peer.name))
    return fail(Errc::refused, "not with this key");
  peer.role = *role;
  if (peer.role == Role::worker) {
    PARLEY_TRY(peer.worker, read_worker(wish, options));
    return peer;
  }
  read_delivery_window(wish, options, peer.deliveries);
  if (peer.role == Role::business) {
    peer.answers_traces = wish.answers_traces();
    PARLEY_TRY(peer.worker, read_apps(wish, who, options));
  }
  return peer;
}

}  // namespace parley
