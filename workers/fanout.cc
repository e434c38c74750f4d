#include "workers/fanout.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <unordered_map>

#include "base/assert.h"
#include "proto/delivery.h"
#include "proto/limits.h"

namespace parley {
namespace {

constexpr std::size_t item_fixed_bytes = 24;

class Packer {
 public:
  explicit Packer(std::uint64_t lanes) : lanes_(lanes) {}

  void add(InstanceId gateway, std::uint64_t key, const DeliveryItem& item, Way way) {
    const Address to{gateway, way == Way::by_key ? key % lanes_ : 0, way};
    const std::size_t bytes = item_fixed_bytes + item.users.size() * 8 + item.body.size();
    append_delivery(item, message_with_room(to, bytes).items);
  }

  std::vector<PackedDelivery> take() { return std::move(messages_); }

 private:
  using Address = std::tuple<InstanceId, std::uint64_t, Way>;  // the number is a lane

  PackedDelivery& message_with_room(const Address& to, std::size_t bytes) {
    const auto [found, is_new] = open_.try_emplace(to, messages_.size());
    if (!is_new) {
      PackedDelivery& message = messages_[found->second];
      if (message.items.size() + bytes <= limits::delivery_body_max) return message;
      found->second = messages_.size();
    }
    messages_.push_back({std::get<0>(to), std::get<1>(to), {}, std::get<2>(to)});
    return messages_.back();
  }

  std::uint64_t lanes_;
  std::vector<PackedDelivery> messages_;
  std::map<Address, std::size_t> open_;  // the message that has room
};

DeliveryItem item_of(const Delivery& delivery) {
  return {.notice = static_cast<std::uint16_t>(delivery.notice),
          .target = delivery.target,
          .skip_device = delivery.skip_device,
          .users = {},
          .body = delivery.body};
}

using RouteOf = std::unordered_map<UserId, const std::vector<InstanceId>*>;

void add_by_route(const Delivery& delivery, const RouteOf& route_of, Packer& packer) {
  std::map<InstanceId, std::vector<UserId>> shares;
  for (const UserId user : delivery.users) {
    for (const InstanceId gateway : *route_of.at(user)) shares[gateway].push_back(user);
  }
  DeliveryItem item = item_of(delivery);
  for (auto& [gateway, users] : shares) {
    item.skip_device = users[0] == delivery.users[0] ? delivery.skip_device : DeviceId{};
    item.users = std::move(users);
    packer.add(gateway, delivery.key, item, Way::by_key);
  }
}

void add_for_all(const Delivery& delivery, Packer& packer) {
  DeliveryItem item = item_of(delivery);
  item.users = delivery.users;
  const bool for_gateways = delivery.reach == Reach::every_gateway;
  packer.add(every_gateway, delivery.key, item, for_gateways ? Way::by_every_broker : Way::by_key);
}

}  // namespace

std::uint64_t lane_count(std::size_t brokers) { return brokers <= 1 ? 1 : 2 * brokers; }

std::vector<UserId> users_of(std::span<const Delivery> deliveries) {
  std::vector<UserId> users;
  for (const Delivery& delivery : deliveries) {
    if (delivery.reach == Reach::gateways_of_users)
      users.insert(users.end(), delivery.users.begin(), delivery.users.end());
  }
  std::ranges::sort(users);
  users.erase(std::ranges::unique(users).begin(), users.end());
  return users;
}

std::vector<PackedDelivery> pack(std::span<const Delivery> deliveries, const Routes* routes,
                                 std::uint64_t lanes) {
  RouteOf route_of;
  if (routes != nullptr) {
    const auto users = users_of(deliveries);
    PARLEY_ASSERT(users.size() == routes->gateways.size());
    for (std::size_t i = 0; i < users.size(); ++i) route_of.emplace(users[i], &routes->gateways[i]);
  }
  Packer packer(lanes);
  for (const Delivery& delivery : deliveries) {
    if (routes == nullptr || delivery.reach != Reach::gateways_of_users)
      add_for_all(delivery, packer);
    else
      add_by_route(delivery, route_of, packer);
  }
  return packer.take();
}

}  // namespace parley
