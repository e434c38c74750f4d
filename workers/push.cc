// Service `push`: business systems speak to users.
#include <memory>

#include "workers/push_publish.h"
#include "workers/services.h"

namespace parley {

Service make_push_service(const ServiceDeps& deps) {
  const auto publisher =
      std::make_shared<PushPublisher>(deps.log, deps.users, deps.routes, deps.hasher);
  Service service(ServiceId::push);
  service.on_each<wire::PublishRequest>(Verb::push_publish, Lane::business, allow_business,
                                        [publisher](const auto& request, const Moment& moment) {
                                          return publisher->publish(request, moment);
                                        });
  return service;
}

}  // namespace parley
