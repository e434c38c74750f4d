#include "tests/sim/world.h"

#include <algorithm>

#include "tests/sim/verbs.h"

namespace parley::sim {
namespace {

// From healing until nothing is left of the faults: the longest deadline and some connecting.
constexpr Duration converged_within = 15s;
constexpr Duration probe_answered_within = 1s;
// A backlog that takes longer than this to work off may end in timeouts.
constexpr Duration backlog_max = 2s;

}  // namespace

World::World(std::uint64_t seed, Verbosity verbosity)
    : universe_(seed * 0x9E3779B97F4A7C15ULL + 1),
      options_(WorldOptions::draw(universe_.random)),
      judge_(universe_),
      store_(universe_, options_, judge_) {
  universe_.latency_min = options_.latency_min;
  universe_.latency_max = options_.latency_max;
  if (verbosity == Verbosity::every_step) universe_.trace.turn_on(&universe_.timeline.now());
  if (options_.rolling_restart) judge_.expect_no_refusals();
  build();
}

template <typename PeerNode>
void World::link(PeerNode& peer, BrokerNode& broker, Side side) {
  Link& link = *links_.emplace_back(
      std::make_unique<Link>(universe_, peer, broker, broker.router(side)));
  peer.add_link(link);
  broker.add_link(side, link);
}

void World::build() {
  Nemesis::Victims victims;
  victims.store = &store_;
  for (std::size_t i = 1; i <= options_.brokers; ++i) {
    auto& broker = brokers_.emplace_back(std::make_unique<BrokerNode>(
        universe_, options_, judge_, "broker-" + std::to_string(i)));
    victims.brokers.push_back(broker.get());
  }
  for (std::size_t i = 1; i <= options_.gateways; ++i) {
    auto& gateway = gateways_.emplace_back(std::make_unique<GatewayNode>(
        universe_, options_, judge_, "gateway-" + std::to_string(i)));
    for (const auto& broker : brokers_) link(*gateway, *broker, Side::gateways);
    victims.gateways.push_back(gateway.get());
  }
  for (std::size_t i = 1; i <= options_.workers; ++i) {
    // Each serves one or more; a service that nobody serves is part of it.
    std::vector<ServiceId> services;
    for (std::size_t s = 0; s < options_.services; ++s)
      if ((i + s) % options_.services == 0 || universe_.chance(500))
        services.push_back(world_services[s]);
    const std::string name = "worker-" + std::to_string(i);
    judge_.serves(name, services);
    auto& worker = workers_.emplace_back(std::make_unique<WorkerNode>(
        universe_, options_, judge_, store_, name, std::move(services)));
    for (const auto& broker : brokers_) link(*worker, *broker, Side::workers);
    for (const auto& gateway : gateways_) worker->add_gateway(instance_id(gateway->name()));
    victims.workers.push_back(worker.get());
  }
  for (const auto* group : {&victims.brokers, &victims.gateways, &victims.workers})
    victims.all.insert(victims.all.end(), group->begin(), group->end());
  for (const auto& l : links_) victims.links.push_back(l.get());
  nemesis_ = std::make_unique<Nemesis>(universe_, options_.faults, std::move(victims));
}

Report World::run() {
  nemesis_->begin();  // whose supervision starts everything
  universe_.timeline.run_until(universe_.now() + options_.safety);
  if (!universe_.timeline.stopped()) converge();
  if (!universe_.timeline.stopped()) probe();
  return {judge_.verdict(), judge_.counts(), universe_.timeline.events(), nemesis_->faults(),
          universe_.repeats};
}

void World::converge() {
  for (const auto& gateway : gateways_) gateway->stop_callers();
  nemesis_->heal();
  const Duration each = options_.store_max + 6 * options_.latency_max + 1ms;
  if (each * static_cast<std::int64_t>(judge_.open()) < backlog_max) judge_.on_healed();
  const Instant latest = universe_.now() + converged_within;
  while (!is_converged() && universe_.now() < latest && !universe_.timeline.stopped())
    universe_.timeline.run_until(universe_.now() + 50ms);
  judge_.require(is_converged(), "everything_converges", [&] {
    return std::to_string(judge_.open()) + " requests are open, 15 s after all was well";
  });
  // Late answers, which nobody waits for, are still on their way.
  universe_.timeline.run_until(universe_.now() + 500ms);
  if (universe_.timeline.stopped()) return;
  for (const auto& broker : brokers_) broker->expect_idle();
}

bool World::is_converged() const {
  const auto up = [](const auto& node) { return node->is_up_everywhere() && !node->terminating(); };
  return judge_.open() == 0 && std::ranges::all_of(gateways_, up) &&
         std::ranges::all_of(workers_, up) &&
         std::ranges::all_of(workers_, [](const auto& w) { return w->is_idle(); }) &&
         std::ranges::all_of(gateways_, [](const auto& g) { return g->pending() == 0; }) &&
         std::ranges::all_of(brokers_, [](const auto& b) {
           return b->runs() && !b->terminating() && b->broker()->held() == 0;
         });
}

bool World::serves(ServiceId service) const {
  return std::ranges::any_of(workers_, [&](const auto& worker) {
    const auto& services = judge_.services_of(worker->name());
    return std::ranges::find(services, service) != services.end();
  });
}

void World::probe() {
  // A broker that was started last still waits for services that it was never offered.
  universe_.timeline.run_until(universe_.now() + options_.broker.startup_grace);
  for (const auto& gateway : gateways_)
    for (std::size_t service = 0; service < options_.services; ++service)
      for (std::uint64_t key = 1; key <= 3; ++key) probe(*gateway, service, key);
}

// When all is well what is asked is answered at once, and positively if anybody can.
void World::probe(GatewayNode& gateway, std::size_t service, std::uint64_t key) {
  if (universe_.timeline.stopped()) return;
  const Judge::Counts before = judge_.counts();
  gateway.ask(a_verb_of(service, universe_.random), key, GatewayNode::Body::small);
  gateway.after(0ms, [] {});  // so that it is sent
  const Instant latest = universe_.now() + probe_answered_within;
  while (judge_.open() > 0 && universe_.now() < latest && !universe_.timeline.stopped())
    universe_.timeline.run_until(universe_.now() + 5ms);
  const Judge::Counts& now = judge_.counts();
  const bool answered = serves(world_services[service]) ? now.positive == before.positive + 1
                                                        : now.no_service == before.no_service + 1;
  judge_.require(answered, "all_is_well_in_the_end", [&] {
    return gateway.name() + " asked service " + std::to_string(service) + " key " +
           std::to_string(key) + ", open " + std::to_string(judge_.open());
  });
}

}  // namespace parley::sim
