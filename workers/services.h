// Which services there are. Adding one is a line in services.cc.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "store/event_store.h"
#include "store/log_store.h"
#include "store/route_store.h"
#include "store/user_store.h"
#include "workers/login_options.h"
#include "workers/password_hash.h"
#include "workers/service.h"

namespace parley {

// What services are made of. Stores belong to one thread, so each thread makes its own services.
struct ServiceDeps {
  LogStore& log;
  UserStore& users;
  RouteStore& routes;
  EventStore& events;
  const PasswordHasher& hasher;  // shared by all threads: it has no state
  LoginOptions login;
};

// What a command line "login c2c" or "all" means. config: an unknown name, none, or one twice.
Result<std::vector<ServiceId>> services_named(std::span<const std::string> names);

std::vector<Service> make_services(std::span<const ServiceId> ids, const ServiceDeps& deps);

// One file each.
Service make_login_service(const ServiceDeps& deps);
Service make_c2c_service(const ServiceDeps& deps);
Service make_route_service(const ServiceDeps& deps);
Service make_push_service(const ServiceDeps& deps);
Service make_event_service(const ServiceDeps& deps);

}  // namespace parley
