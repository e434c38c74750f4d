#include "tests/support/cluster_links.h"

#include <libpq-fe.h>

#include <filesystem>
#include <string_view>

#include "base/assert.h"

namespace parley::test {
namespace {

constexpr std::string_view ipc_scheme = "ipc://";
constexpr std::string_view unix_scheme = "unix://";
constexpr std::string_view postgres_socket = ".s.PGSQL.5432";  // which libpq wants in a directory

std::string without(std::string_view scheme, const std::string& url) {
  PARLEY_ASSERT(url.starts_with(scheme));
  return url.substr(scheme.size());
}

// The directory of the server's socket.
std::string host_of(const std::string& url) {
  PQconninfoOption* options = PQconninfoParse(url.c_str(), nullptr);
  PARLEY_ASSERT(options != nullptr);
  std::string host;
  for (const PQconninfoOption* option = options; option->keyword != nullptr; ++option)
    if (std::string_view(option->keyword) == "host" && option->val != nullptr) host = option->val;
  PQconninfoFree(options);
  return host;
}

}  // namespace

ClusterLinks::ClusterLinks(std::uint64_t seed, const DataDirectory& data, const Family& family)
    : data_(data), family_(family), proxy_(seed) {
  for (const Member& member : family.members()) {
    const std::string& name = member.child.name;
    if (name.starts_with("gateway-")) add_brokers(name, "gateways");
    if (!name.starts_with("worker-")) continue;
    add_brokers(name, "workers");
    add_servers(name);
  }
  for (std::size_t i = 0; i < family.gateways().size(); ++i)
    gateways_.push_back(proxy_.add("clients/gateway-" + std::to_string(i + 1), "127.0.0.1:0",
                                   family.gateways()[i]));
}

void ClusterLinks::add_to(std::vector<std::string>& environment,
                          const std::string& process) const {
  const auto added = environment_.find(process);
  if (added == environment_.end()) return;
  environment.insert(environment.end(), added->second.begin(), added->second.end());
}

std::string ClusterLinks::add(const std::string& link, const StreamAddress& target) {
  const std::string path =
      without(ipc_scheme, data_.endpoint("link-" + std::to_string(++sockets_)));
  return proxy_.add(link, path, target);
}

void ClusterLinks::add_brokers(const std::string& process, const std::string& door) {
  std::string list;
  for (const Member& member : family_.members()) {
    const std::string& broker = member.child.name;
    if (!broker.starts_with("broker-")) continue;
    const std::string target = without(ipc_scheme, data_.endpoint(broker + "." + door));
    if (!list.empty()) list += ",";
    list += std::string(ipc_scheme) + add(process + "/" + broker, target);
  }
  environment_[process].push_back("PARLEY_BUS_BROKERS=" + list);
}

void ClusterLinks::add_servers(const std::string& process) {
  const std::string url = family_.database_url();
  const std::string host = host_of(url);
  // libpq is told a directory, in which it looks for a socket of that name.
  const std::string directory =
      without(ipc_scheme, data_.endpoint("pg-" + std::to_string(++sockets_)));
  std::filesystem::create_directory(directory);
  proxy_.add(process + "/postgres", directory + "/" + std::string(postgres_socket),
             host + "/" + std::string(postgres_socket));
  const std::size_t at = url.find("host=") + 5;
  environment_[process].push_back("PARLEY_DATABASE_URL=" + url.substr(0, at) + directory +
                                  url.substr(url.find('&', at)));
  environment_[process].push_back(
      "PARLEY_REDIS_URL=" + std::string(unix_scheme) +
      add(process + "/redis", without(unix_scheme, family_.redis_url())));
}

}  // namespace parley::test
