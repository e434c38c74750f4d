// Every kind of link between the processes: silent, flapping, slow, in slices, cut; and the answer to a
// commit lost on its way.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "tests/fault/havoc.h"
#include "tests/support/eventually.h"

namespace parley::test {
namespace {

// The links of "gateway-1/broker-2" and its like, by the number of a strike's target.
using LinkName = std::string (*)(unsigned target);

std::string gateway_broker(unsigned i) {
  return Scene::gateway(i / 2) + "/" + Scene::broker(i % 2);
}
std::string worker_broker(unsigned i) { return Scene::worker(i / 2) + "/" + Scene::broker(i % 2); }
std::string worker_postgres(unsigned i) { return Scene::worker(i) + "/postgres"; }
std::string worker_redis(unsigned i) { return Scene::worker(i) + "/redis"; }
std::string clients_gateway(unsigned i) { return "clients/" + Scene::gateway(i); }

std::int64_t held(Scene& scene, const std::string& link) {
  std::uint64_t bytes = 0;
  for (const LinkCounters::OfWay& way : scene.cluster.proxy().counters(link).ways)
    bytes += way.held;
  return static_cast<std::int64_t>(bytes);
}

std::int64_t cuts(Scene& scene, const std::string& link) {
  return static_cast<std::int64_t>(scene.cluster.proxy().counters(link).cut);
}

Broken silence(Scene& scene, const std::string& link, Ways ways, const std::string& which_way) {
  const std::int64_t before = held(scene, link);
  scene.cluster.proxy().blackhole(link, ways);
  return {link + which_way, [=, &scene] {
            const std::int64_t after = held(scene, link);
            scene.cluster.proxy().heal(link);
            return grown(before, after, "bytes held");
          }};
}

Broken silence_both(Scene& scene, const std::string& link) {
  return silence(scene, link, both_ways, ", both ways");
}

Broken silence_one(Scene& scene, const std::string& link) {
  if (scene.random.below(2) == 0) return silence(scene, link, only_to_server, ", to the server");
  return silence(scene, link, only_to_client, ", to the client");
}

// Half a second there, half a second not.
Broken flap(Scene& scene, const std::string& link) {
  const std::int64_t before = held(scene, link);
  for (int i = 0; i < 6; ++i) {
    scene.cluster.proxy().blackhole(link, both_ways);
    pass(500ms);
    scene.cluster.proxy().heal(link);
    pass(500ms);
  }
  return {link,
          [=, &scene] { return grown(before, held(scene, link), "bytes held, 6 times silent"); }};
}

Broken cut(Scene& scene, const std::string& link) {
  // What was cut a moment ago may not be there again.
  eventually(5s, [&] { return scene.cluster.proxy().counters(link).open > 0; });
  const std::int64_t before = cuts(scene, link);
  scene.cluster.proxy().cut(link, scene.random.below(2) == 0 ? Cut::rst : Cut::fin);
  return {link, [=, &scene] { return grown(before, cuts(scene, link), "connections cut"); }};
}

// With the way it is now, both ways. Slowness is proved by what came through all the same.
Broken change(Scene& scene, const std::string& link, const Conditions& conditions,
              const std::string& words) {
  const auto count = [&scene, link](auto what) {
    std::uint64_t sum = 0;
    for (const LinkCounters::OfWay& way : scene.cluster.proxy().counters(link).ways)
      sum += way.*what;
    return sum;
  };
  const std::uint64_t writes = count(&LinkCounters::OfWay::writes);
  const std::uint64_t bytes = count(&LinkCounters::OfWay::forwarded);
  scene.cluster.proxy().set(link, both_ways, conditions);
  return {link, [=, &scene]() -> Proof {
            const std::uint64_t more_writes = count(&LinkCounters::OfWay::writes) - writes;
            const std::uint64_t more_bytes = count(&LinkCounters::OfWay::forwarded) - bytes;
            scene.cluster.proxy().heal(link);
            return {.before = 0,
                    .after = static_cast<std::int64_t>(more_bytes),
                    .words = fmt::format("{}: {} bytes in {} writes", words, more_bytes,
                                         more_writes)};
          }};
}

Broken delay(Scene& scene, const std::string& link) {
  return change(scene, link, {.delay = 100ms, .jitter = 200ms}, "200 ms ± 100 ms late");
}

Broken slice(Scene& scene, const std::string& link) {
  return change(scene, link, {.slice = 1}, "a byte at a time");
}

Broken throttle(Scene& scene, const std::string& link) {
  return change(scene, link, {.bytes_per_second = 8'000}, "64 kbit/s");
}

// A gateway's and a worker's links fall silent one after the other, and come back in another order.
Broken swizzle(Scene& scene, unsigned which) {
  std::vector<std::string> links = scene.cluster.proxy().links(Scene::gateway(which % 2) + "/");
  for (const std::string& link : scene.cluster.proxy().links(Scene::worker(which) + "/broker"))
    links.push_back(link);
  std::int64_t before = 0;
  for (const std::string& link : links) before += held(scene, link);
  for (const std::string& link : links) {
    scene.cluster.proxy().blackhole(link, both_ways);
    pass(300ms);
  }
  for (std::size_t i = links.size() - 1; i > 0; --i)
    std::swap(links[i], links[scene.random.below(i + 1)]);
  return {fmt::format("{}", fmt::join(links, ", ")), [=, &scene] {
            std::int64_t after = 0;
            for (const std::string& link : links) {
              after += held(scene, link);
              scene.cluster.proxy().heal(link);
              pass(300ms);
            }
            return grown(before, after, "bytes held");
          }};
}

// Of every worker: which one appends next depends on who writes to whom.
Broken lose_answers(Scene& scene, unsigned) {
  const std::vector<std::string> links = scene.cluster.proxy().links("/postgres");
  const auto matched = [&scene, links] {
    std::uint64_t sum = 0;
    for (const std::string& link : links) sum += scene.cluster.proxy().counters(link).matched;
    return static_cast<std::int64_t>(sum);
  };
  const std::int64_t before = matched();
  for (const std::string& link : links) scene.cluster.proxy().lose_commit_reply(link, 2);
  return {fmt::format("{}", fmt::join(links, ", ")), [=, &scene] {
            const std::int64_t after = matched();
            for (const std::string& link : links) scene.cluster.proxy().heal(link);
            return grown(before, after, "answers to commits lost");
          }};
}

std::uint64_t forwarded(Scene& scene, const std::string& link) {
  std::uint64_t bytes = 0;
  for (const LinkCounters::OfWay& way : scene.cluster.proxy().counters(link).ways)
    bytes += way.forwarded;
  return bytes;
}

// Clients choose their gateway themselves, and an open connection may be one that its client has given up; a
// worker may have none of our few conversations. Where hardly anybody talks, the link is meant of that kind
// over which most is said.
std::string where_somebody_talks(Scene& scene, const std::string& link) {
  const std::string clients = "clients/";
  const std::string kind = link.starts_with(clients) ? clients : link.substr(link.find('/'));
  if (kind.starts_with("/broker")) return link;  // there are always pings
  std::map<std::string, std::uint64_t> said;
  for (const std::string& one : scene.cluster.proxy().links(kind))
    said[one] = forwarded(scene, one);
  pass(500ms);
  for (auto& [one, bytes] : said) bytes = forwarded(scene, one) - bytes;
  const auto most = std::ranges::max_element(
      said, {}, [](const auto& link_and_bytes) { return link_and_bytes.second; });
  return 10 * said[link] < most->second ? most->first : link;
}

struct LinkKind {
  const char* name;
  std::vector<Part> takes;
  unsigned count;
  LinkName link;
  ChaosKind::Recovery recovery;
};

std::vector<LinkKind> link_kinds() {
  using enum ChaosKind::Recovery;
  using enum Part;
  // There is another way around a silent link, except where it is the only one.
  return {{"gateway-broker", {gateway, broker}, 4, gateway_broker, from_injection},
          {"worker-broker", {worker, broker}, 6, worker_broker, from_injection},
          {"worker-postgres", {worker, database}, 3, worker_postgres, from_mending},
          {"worker-redis", {cache}, 3, worker_redis, from_injection},
          {"clients-gateway", {gateway, client}, 2, clients_gateway, from_mending}};
}

struct Ill {
  const char* name;
  Broken (*strike)(Scene&, const std::string& link);
  Duration hold;
  Duration target;
};

}  // namespace

std::vector<ChaosKind> network_kinds() {
  using enum ChaosKind::Recovery;
  using enum Part;
  const Ill ills[] = {{"silent", silence_both, 5s, 3s}, {"one-way", silence_one, 5s, 3s},
                      {"flapping", flap, 0s, 3s},       {"cut", cut, 0s, 3s},
                      {"late", delay, 4s, 3s},          {"sliced", slice, 3s, 3s},
                      {"narrow", throttle, 3s, 3s}};
  std::vector<ChaosKind> kinds;
  for (const LinkKind& link : link_kinds())
    for (const Ill& ill : ills)
      kinds.push_back({.shape = {fmt::format("{}-{}", link.name, ill.name), link.takes, link.count},
                       .hold = ill.hold,
                       .recovery = link.recovery,
                       .target = ill.target,
                       .strike = [strike = ill.strike, name = link.link](Scene& s, unsigned i) {
                         return strike(s, where_somebody_talks(s, name(i)));
                       }});
  kinds.push_back({.shape = {"links-swizzled", {gateway, worker, broker}, 3},
                   .hold = 1s,
                   .recovery = from_mending,
                   .target = 5s,
                   .strike = swizzle});
  // Of somebody: nothing that silences those who write beside it.
  kinds.push_back({.shape = {"commit-answer-lost", {worker, database, gateway, client}, 1, 3},
                   .hold = 2s,
                   .recovery = from_injection,
                   .target = 3s,
                   .strike = lose_answers});
  return kinds;
}

}  // namespace parley::test
