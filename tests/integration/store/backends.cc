#include "tests/integration/store/backends.h"

#include "store/memory/memory_store.h"
#include "store/pg/pg_store.h"
#include "store/redis/redis_store.h"
#include "tests/support/servers.h"

namespace parley::test {
namespace {

class MemoryBackend final : public Backend {
 public:
  std::unique_ptr<LogStore> log() override { return std::make_unique<MemoryLogStore>(database_); }
  std::unique_ptr<UserStore> users() override {
    return std::make_unique<MemoryUserStore>(database_);
  }
  std::unique_ptr<EventStore> events() override {
    return std::make_unique<MemoryEventStore>(database_);
  }
  std::unique_ptr<RouteStore> routes() override {
    return std::make_unique<MemoryRouteStore>(database_);
  }
  void forget_routes() override { database_->forget_routes(); }

 private:
  std::shared_ptr<MemoryDatabase> database_ = std::make_shared<MemoryDatabase>();
};

class ServerBackend final : public Backend {
 public:
  ServerBackend() {
    options_.database_url = servers().postgres_url(servers().fresh_database());
    options_.redis_url = servers().redis_url();
    forget_routes();
  }
  std::unique_ptr<LogStore> log() override { return make_pg_log_store(options_); }
  std::unique_ptr<UserStore> users() override { return make_pg_user_store(options_); }
  std::unique_ptr<EventStore> events() override { return make_pg_event_store(options_); }
  std::unique_ptr<RouteStore> routes() override { return make_redis_route_store(options_); }
  void forget_routes() override { servers().redis({"FLUSHALL"}); }

 private:
  StoreOptions options_;
};

}  // namespace

std::unique_ptr<Backend> make_backend(const std::string& name) {
  if (name == "memory") return std::make_unique<MemoryBackend>();
  return std::make_unique<ServerBackend>();
}

}  // namespace parley::test
