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

  void add(InstanceId gateway, const Delivery& delivery, const DeliveryItem& item, Way way) {
    const Address to{gateway, way == Way::by_key ? delivery.key % lanes_ : 0, way};
    const std::size_t bytes = item_fixed_bytes + item.users.size() * 8 + item.body.size();
    Message& message = message_with_room(to, bytes);
    append_delivery(item, message.packed.items);
    note_cause(message.causes, delivery.trace);
  }

  std::vector<PackedDelivery> take() {
    std::vector<PackedDelivery> packed;
    packed.reserve(messages_.size());
    for (Message& message : messages_) {
      if (!message.causes.empty()) put_first(message.causes, message.packed.items);
      packed.push_back(std::move(message.packed));
    }
    return packed;
  }

 private:
  using Address = std::tuple<InstanceId, std::uint64_t, Way>;  // the number is a lane
  struct Message {
    PackedDelivery packed;
    std::vector<std::uint64_t> causes;  // traces
  };

  // What one request causes comes together.
  static void note_cause(std::vector<std::uint64_t>& causes, std::uint64_t trace) {
    if (trace == 0 || causes.size() >= causes_max) return;
    if (causes.empty() || causes.back() != trace) causes.push_back(trace);
  }
  static void put_first(const std::vector<std::uint64_t>& causes, std::string& items) {
    std::string whole;
    whole.reserve(causes_bytes(causes.size()) + items.size());
    append_causes(causes, whole);
    items = std::move(whole.append(items));
  }

  Message& message_with_room(const Address& to, std::size_t bytes) {
    const auto [found, is_new] = open_.try_emplace(to, messages_.size());
    if (!is_new) {
      Message& message = messages_[found->second];
      const std::size_t causes = causes_bytes(message.causes.size() + 1);
      if (message.packed.items.size() + bytes + causes <= limits::delivery_body_max) return message;
      found->second = messages_.size();
    }
    messages_.push_back({{std::get<0>(to), std::get<1>(to), {}, std::get<2>(to)}, {}});
    return messages_.back();
  }

  std::uint64_t lanes_;
  std::vector<Message> messages_;
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
    packer.add(gateway, delivery, item, Way::by_key);
  }
}

void add_for_all(const Delivery& delivery, Packer& packer) {
  DeliveryItem item = item_of(delivery);
  item.users = delivery.users;
  const bool for_gateways = delivery.reach == Reach::every_gateway;
  packer.add(every_gateway, delivery, item, for_gateways ? Way::by_every_broker : Way::by_key);
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
