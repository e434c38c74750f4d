// Service `route`: gateways report who is connected to them; and who came or went becomes an event, if
// some business system wants to know. A route is changed first, what is told of it after: the same
// report, repeated, comes to the same.
#include <algorithm>
#include <memory>
#include <optional>

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

class Reports {
 public:
  Reports(RouteStore& routes, EventStore& events) : routes_(routes), events_(events) {}

  Response report(const Request<wire::RouteReport>& request, const Moment& moment);

 private:
  Result<bool> wants_presence(Instant now);
  // Who is not known to be anywhere. A cache that has lost what it knew says so of too many; their
  // gateways are asked to report them, and they are told to be online again.
  Result<std::vector<UserId>> absent(const std::vector<UserId>& users);
  Status note(const std::vector<UserId>& users, bool online, std::int64_t wall_ms);
  Status note_presence(const std::vector<UserId>& present, const std::vector<UserId>& gone,
                       std::int64_t wall_ms);

  RouteStore& routes_;
  EventStore& events_;
  std::optional<Instant> asked_;  // whether presence is wanted
  bool wanted_ = false;
};

Response Reports::report(const Request<wire::RouteReport>& request, const Moment& moment) {
  const InstanceId gateway = request.header.id.gateway;
  PARLEY_TRY(const auto present, users_of(request.body.present()));
  PARLEY_TRY(const auto gone, users_of(request.body.gone()));
  // Gone first: a user in both lists is there, at worst once too often; the other way round he
  // would miss what is pushed.
  if (!gone.empty()) PARLEY_CHECK(routes_.remove(gateway, gone));
  if (!present.empty()) PARLEY_CHECK(routes_.add(gateway, present));
  // An error makes the gateway repeat its report: nothing is forgotten.
  PARLEY_TRY(const bool wanted, wants_presence(moment.now));
  if (wanted) PARLEY_CHECK(note_presence(present, gone, moment.wall_ms));
  return answer_with(wire::RouteReportReply());
}

// Asked now and then, so that reports do without the database while nobody wants to know. Who wanted nothing a
// moment ago is believed for a while: routes do not depend on the database.
Result<bool> Reports::wants_presence(Instant now) {
  if (asked_ && now - *asked_ < 1s) return wanted_;
  const auto wanted = events_.wants_presence();
  if (!wanted && asked_ && !wanted_ && now - *asked_ < 10s) return false;
  if (!wanted) return tl::unexpected(wanted.error());
  asked_ = now;
  wanted_ = *wanted;
  return wanted_;
}

Result<std::vector<UserId>> Reports::absent(const std::vector<UserId>& users) {
  std::vector<UserId> absent;
  if (users.empty()) return absent;
  PARLEY_TRY(const Routes routes, routes_.lookup(users));
  for (std::size_t i = 0; i < users.size(); ++i) {
    if (routes.gateways[i].empty()) absent.push_back(users[i]);
  }
  return absent;
}

Status Reports::note(const std::vector<UserId>& users, bool online, std::int64_t wall_ms) {
  std::vector<PresenceChange> changes;
  for (const UserId user : users) changes.push_back({user, online, wall_ms});
  return events_.note_presence(changes);
}

Status Reports::note_presence(const std::vector<UserId>& present, const std::vector<UserId>& gone,
                              std::int64_t wall_ms) {
  PARLEY_CHECK(note(present, true, wall_ms));
  PARLEY_TRY(auto offline, absent(gone));
  std::ranges::sort(offline);
  PARLEY_CHECK(note(offline, false, wall_ms));
  // Another worker may have had the report of his next gateway meanwhile, before this was told.
  PARLEY_TRY(const auto still_offline, absent(offline));
  std::vector<UserId> back;
  std::ranges::set_difference(offline, still_offline, std::back_inserter(back));
  return note(back, true, wall_ms);
}

}  // namespace

Service make_route_service(const ServiceDeps& deps) {
  Service service(ServiceId::route);
  const auto reports = std::make_shared<Reports>(deps.routes, deps.events);
  service.on_each<wire::RouteReport>(Verb::route_report, Lane::routes, allow_gateway,
                                     [reports](const auto& request, const Moment& moment) {
                                       return reports->report(request, moment);
                                     });
  return service;
}

}  // namespace parley
