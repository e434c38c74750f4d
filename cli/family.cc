#include "cli/family.h"

#include <fmt/format.h>

#include <filesystem>

#include "cli/bus_keys.h"
#include "cli/server_key.h"
#include "cli/toml_text.h"

namespace parley {
namespace {

enum Stage : unsigned {
  stage_servers,
  stage_migration,
  stage_brokers,
  stage_workers,
  stage_gateways,
  stage_ready_check
};

// The server is ours alone, so its own database is too.
constexpr const char* database_name = "postgres";
// The first start of PostgreSQL makes a database; recovery after a crash reads what it wrote.
constexpr Duration server_start_limit = 180s;
constexpr Duration migration_limit = 120s;
constexpr Duration ready_limit = 30s;
// Longer than a drain takes: killing what drains would cost what it holds.
constexpr Duration stop_limit = 20s;

std::string numbered(const char* kind, unsigned index) {
  return fmt::format("{}-{}", kind, index + 1);
}

}  // namespace

PrivatePostgres postgres_in(const std::string& data) {
  return PrivatePostgres({.directory = data + "/postgres"});
}

PrivateRedis redis_in(const std::string& data) {
  return PrivateRedis({.directory = data + "/redis"});
}

std::unique_ptr<PrivateServer> private_server_named(const std::string& name,
                                                    const std::string& data) {
  auto postgres = std::make_unique<PrivatePostgres>(postgres_in(data));
  if (postgres->name() == name) return postgres;
  auto redis = std::make_unique<PrivateRedis>(redis_in(data));
  if (redis->name() == name) return redis;
  return nullptr;
}

Result<Family> Family::lay_out(const DataDirectory& data, const FamilyOptions& options) {
  Family family(data, options);
  PARLEY_CHECK(family.make_key(data));
  PARLEY_CHECK(family.take_ports());
  PARLEY_CHECK(family.admit_business(data));
  family.add_servers(data);
  PARLEY_CHECK(family.add_brokers(data));
  PARLEY_CHECK(family.add_workers(data));
  PARLEY_CHECK(family.add_gateways(data));
  family.add_ready_check(data);
  return family;
}

Family::Family(const DataDirectory& data, const FamilyOptions& options)
    : options_(options),
      postgres_(std::make_unique<PrivatePostgres>(postgres_in(data.path()))),
      redis_(std::make_unique<PrivateRedis>(redis_in(data.path()))) {}

void Family::add(const DataDirectory& data, Supervisor::Child child, Program program) {
  std::string log = data.log(child.name);
  members_.push_back({std::move(child), std::move(program), std::move(log)});
}

Program Family::ours(const DataDirectory& data, const std::string& program,
                     const std::string& name) const {
  return {.arguments = {options_.programs + "/" + program, "--config", data.config(name)}};
}

void Family::add_servers(const DataDirectory& data) {
  const std::string parley = options_.programs + "/parley";
  for (const PrivateServer* server : {static_cast<const PrivateServer*>(postgres_.get()),
                                      static_cast<const PrivateServer*>(redis_.get())}) {
    add(data,
        {.name = server->name(), .stage = stage_servers, .start_limit = server_start_limit,
         .stop_limit = stop_limit},
        {.arguments = {parley, "server", server->name(), "--data", data.path()}});
    members_.back().stop_signal = server->stop_signal();
    members_.back().server = server;
  }
  add(data,
      {.name = "migrate", .stage = stage_migration, .kind = Supervisor::Kind::task,
       .start_limit = migration_limit},
      {.arguments = {parley, "migrate", "--database", superuser_url()}});
}

Status Family::add_brokers(const DataDirectory& data) {
  for (unsigned i = 0; i < options_.brokers; ++i) {
    const std::string name = numbered("broker", i);
    broker_endpoints_.push_back(data.endpoint(name + ".gateways"));
    broker_workers_.push_back(data.endpoint(name + ".workers"));
    PARLEY_CHECK(write_file(data.config(name), broker_config(data, i)));
    add(data, {.name = name, .stage = stage_brokers, .stop_limit = stop_limit},
        ours(data, "parley-broker", name));
  }
  return {};
}

std::string Family::broker_config(const DataDirectory& data, unsigned index) const {
  TomlText text;
  text.section("broker").text("name", numbered("broker", index));
  text.list("workers", {broker_workers_[index]});
  if (business_.empty()) return text.list("gateways", {broker_endpoints_[index]}).str();
  return text.list("gateways", {broker_endpoints_[index], "tcp://" + business_[index]})
      .text("key_file", data.key("broker"))
      .text("allowed_keys", data.allowed_keys())
      .str();
}

Status Family::add_workers(const DataDirectory& data) {
  for (unsigned i = 0; i < options_.workers; ++i) {
    const std::string name = numbered("worker", i);
    PARLEY_CHECK(write_file(data.config(name), TomlText()
                                                   .section("worker")
                                                   .text("name", name)
                                                   .section("bus")
                                                   .list("brokers", broker_workers_)
                                                   .section("database")
                                                   .text("url", database_url())
                                                   .section("redis")
                                                   .text("url", redis_url())
                                                   .str()));
    Program program = ours(data, "parley-worker", name);
    program.arguments.push_back("all");
    add(data, {.name = name, .stage = stage_workers, .stop_limit = stop_limit}, std::move(program));
  }
  return {};
}

Status Family::add_gateways(const DataDirectory& data) {
  for (unsigned i = 0; i < options_.gateways; ++i) {
    const std::string name = numbered("gateway", i);
    PARLEY_CHECK(write_file(data.config(name), TomlText()
                                                   .section("gateway")
                                                   .text("name", name)
                                                   .list("listen", {gateways_[i]})
                                                   .list("keys", {data.key("server-1")})
                                                   .section("bus")
                                                   .list("brokers", broker_endpoints_)
                                                   .str()));
    add(data, {.name = name, .stage = stage_gateways, .stop_limit = stop_limit},
        ours(data, "parley-gateway", name));
  }
  return {};
}

// Only the brokers know whether everybody has found everybody.
void Family::add_ready_check(const DataDirectory& data) {
  std::vector<std::string> arguments{options_.programs + "/parley", "status", "--wait",
                                     std::to_string(to_ms(ready_limit))};
  for (const std::string& broker : broker_endpoints_)
    arguments.insert(arguments.end(), {"--broker", broker});
  for (const std::string& peer : bus_peers())
    arguments.insert(arguments.end(), {"--peer", peer});
  add(data,
      {.name = "ready", .stage = stage_ready_check, .kind = Supervisor::Kind::task,
       .start_limit = ready_limit + 5s},
      {.arguments = std::move(arguments)});
}

std::vector<std::string> Family::bus_peers() const {
  std::vector<std::string> peers;
  for (unsigned i = 0; i < options_.workers; ++i) peers.push_back(numbered("worker", i));
  for (unsigned i = 0; i < options_.gateways; ++i) peers.push_back(numbered("gateway", i));
  return peers;
}

std::string Family::database_url() const { return postgres_->url(database_name, "parley_app"); }

std::string Family::superuser_url() const { return postgres_->url(database_name, "postgres"); }

Status Family::make_key(const DataDirectory& data) {
  PARLEY_TRY(pin_, make_server_key(data.key("server-1")));
  return {};
}

// `count` addresses from this one on; port 0: free ones.
Result<std::vector<std::string>> Family::take_addresses(const std::string& first, unsigned count) {
  PARLEY_TRY(ListenAddress address, parse_listen_address(first));
  std::vector<std::string> taken;
  for (unsigned i = 0; i < count; ++i) {
    PARLEY_TRY(HeldPort port, HeldPort::take(address));
    taken.push_back(to_text({address.host, port.number()}));
    ports_.push_back(std::move(port));
    if (address.port == 0) continue;
    if (address.port == 65'535 && i + 1 < count)
      return fail(Errc::config, first + ": there is no port after 65535");
    ++address.port;
  }
  return taken;
}

Status Family::take_ports() {
  PARLEY_TRY(gateways_, take_addresses(options_.listen, options_.gateways));
  if (options_.business.empty()) return {};
  PARLEY_TRY(business_, take_addresses(options_.business, options_.brokers));
  return {};
}

// A list that is there was edited by an operator and stays. The first one admits nobody.
Status Family::admit_business(const DataDirectory& data) {
  if (business_.empty()) return {};
  PARLEY_TRY(const std::string public_key, make_bus_key(data.key("broker")));
  for (const std::string& address : business_)
    business_endpoints_.push_back("tcp://" + address + " " + public_key);
  if (std::filesystem::exists(data.allowed_keys())) return {};
  return write_file(data.allowed_keys(), key_list_preface);
}

}  // namespace parley
