// The implementations that a contract suite runs against: "memory", "pg" and "redis".
#pragma once

#include <gmock/gmock.h>

#include <memory>
#include <string>

#include "store/event_store.h"
#include "store/log_store.h"
#include "store/route_store.h"
#include "store/user_store.h"

namespace parley::test {

// One database (or cache), empty at first; each call opens another connection to it, from any
// thread.
class Backend {
 public:
  virtual ~Backend() = default;
  virtual std::unique_ptr<LogStore> log() = 0;
  virtual std::unique_ptr<UserStore> users() = 0;
  virtual std::unique_ptr<EventStore> events() = 0;
  virtual std::unique_ptr<RouteStore> routes() = 0;
  // What FLUSHALL does.
  virtual void forget_routes() = 0;
};

// "memory": the twins. "pg": a fresh PostgreSQL database, and an emptied Redis.
std::unique_ptr<Backend> make_backend(const std::string& name);

}  // namespace parley::test
