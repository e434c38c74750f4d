#include "workers/services.h"

#include <algorithm>

namespace parley {
namespace {

struct ServiceMaker {
  ServiceId id;
  Service (*make)(const ServiceDeps& deps);
};

constexpr ServiceMaker all_services[] = {
    {ServiceId::login, make_login_service},
    {ServiceId::c2c, make_c2c_service},
    {ServiceId::push, make_push_service},
    {ServiceId::route, make_route_service},
    {ServiceId::event, make_event_service},
};

}  // namespace

Result<std::vector<ServiceId>> services_named(std::span<const std::string> names) {
  std::vector<ServiceId> ids;
  if (names.size() == 1 && names[0] == "all") {
    for (const ServiceMaker& maker : all_services) ids.push_back(maker.id);
    return ids;
  }
  if (names.empty()) return fail(Errc::config, "name the services to run, or all");
  for (const std::string& name : names) {
    const auto id = service_named(name);
    if (!id || std::ranges::find(all_services, *id, &ServiceMaker::id) == std::end(all_services))
      return fail(Errc::config, "there is no service " + name);
    if (std::ranges::find(ids, *id) != ids.end())
      return fail(Errc::config, "service " + name + " is named twice");
    ids.push_back(*id);
  }
  return ids;
}

std::vector<Service> make_services(std::span<const ServiceId> ids, const ServiceDeps& deps) {
  std::vector<Service> services;
  for (const ServiceMaker& maker : all_services) {
    if (std::ranges::find(ids, maker.id) != ids.end()) services.push_back(maker.make(deps));
  }
  return services;
}

}  // namespace parley
