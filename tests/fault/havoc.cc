#include "tests/fault/havoc.h"

#include <fmt/format.h>
#include <poll.h>

#include <fstream>

namespace parley::test {
namespace {

std::vector<std::string> numbered(unsigned count, std::string (*name)(unsigned)) {
  std::vector<std::string> names;
  for (unsigned i = 0; i < count; ++i) names.push_back(name(i));
  return names;
}

}  // namespace

std::vector<std::string> Scene::workers() const { return numbered(shape.workers, worker); }
std::vector<std::string> Scene::brokers() const { return numbered(shape.brokers, broker); }
std::vector<std::string> Scene::gateways() const { return numbered(shape.gateways, gateway); }

std::vector<std::string> Scene::ours() const {
  std::vector<std::string> all = workers();
  for (const auto& more : {brokers(), gateways()}) all.insert(all.end(), more.begin(), more.end());
  return all;
}

std::vector<ChaosKind> all_kinds() {
  std::vector<ChaosKind> all;
  for (const auto kinds : {process_kinds, database_kinds, cache_kinds, client_kinds, host_kinds,
                           network_kinds})
    for (ChaosKind& kind : kinds()) all.push_back(std::move(kind));
  return all;
}

void pass(Duration length) {
  const Instant until = monotonic_now() + length;
  while (monotonic_now() < until) poll(nullptr, 0, 5);
}

char state_of(std::int64_t pid) {
  std::ifstream file(fmt::format("/proc/{}/stat", pid));
  std::string text;
  std::getline(file, text);
  const std::size_t after_name = text.rfind(") ");
  return after_name == std::string::npos ? '\0' : text[after_name + 2];
}

Proof grown(std::int64_t before, std::int64_t after, const std::string& words) {
  return {.before = before,
          .after = after > before ? after : before,
          .words = fmt::format("{} {} → {}", words, before, after)};
}

}  // namespace parley::test
