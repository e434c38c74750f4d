// Service `route`: gateways report who is connected to them.
#include "proto/route.pb.h"
#include "workers/services.h"

namespace parley {
namespace {

template <typename Ids>
Result<std::vector<UserId>> users_of(const Ids& ids) {
  std::vector<UserId> users;
  users.reserve(static_cast<std::size_t>(ids.size()));
  for (const std::uint64_t id : ids) {
    if (!is_valid(UserId{id})) return fail(Errc::bad_request, "no user id");
    users.push_back(UserId{id});
  }
  return users;
}

Response report(RouteStore& routes, const Request<wire::RouteReport>& request) {
  const InstanceId gateway = request.header.id.gateway;
  PARLEY_TRY(const auto present, users_of(request.body.present()));
  PARLEY_TRY(const auto gone, users_of(request.body.gone()));
  // Gone first: a user in both lists is there, at worst once too often; the other way round he
  // would miss what is pushed.
  if (!gone.empty()) PARLEY_CHECK(routes.remove(gateway, gone));
  if (!present.empty()) PARLEY_CHECK(routes.add(gateway, present));
  return answer_with(wire::RouteReportReply());
}

}  // namespace

Service make_route_service(const ServiceDeps& deps) {
  Service service(ServiceId::route);
  service.on_each<wire::RouteReport>(Verb::route_report, Lane::routes, allow_gateway,
                                     [&routes = deps.routes](const auto& request, const Moment&) {
                                       return report(routes, request);
                                     });
  return service;
}

}  // namespace parley
