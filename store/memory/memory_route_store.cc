#include "store/memory/memory_database.h"

namespace parley {

void MemoryDatabase::forget_routes() {
  const std::scoped_lock guard(lock);
  routes.clear();
  routes_emptied = ++times_emptied;
}

void MemoryDatabase::set_faults(MemoryFaults next) {
  const std::scoped_lock guard(lock);
  faults = next;
}

MemoryRouteStore::MemoryRouteStore(std::shared_ptr<MemoryDatabase> database)
    : database_(std::move(database)) {}

Result<Routes> MemoryRouteStore::lookup(std::span<const UserId> users) {
  PARLEY_ENTER(*database_);
  Routes routes{{}, database_->routes_emptied};
  for (const UserId user : users) {
    const auto found = database_->routes.find(user);
    auto& gateways = routes.gateways.emplace_back();
    if (found != database_->routes.end())
      gateways.assign(found->second.begin(), found->second.end());
  }
  return routes;
}

Status MemoryRouteStore::add(InstanceId gateway, std::span<const UserId> users) {
  PARLEY_ENTER(*database_);
  for (const UserId user : users) database_->routes[user].insert(gateway);
  return {};
}

Status MemoryRouteStore::remove(InstanceId gateway, std::span<const UserId> users) {
  PARLEY_ENTER(*database_);
  for (const UserId user : users) database_->routes[user].erase(gateway);
  return {};
}

Status MemoryRouteStore::mark_refilled(std::uint64_t emptied) {
  PARLEY_ENTER(*database_);
  if (database_->routes_emptied == emptied) database_->routes_emptied.reset();
  return {};
}

}  // namespace parley
