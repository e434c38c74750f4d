#include "tests/sim/nemesis.h"

#include <utility>

namespace parley::sim {

void Nemesis::begin() {
  universe_.young_breaks_per_thousand = rates_.young_breaks_per_thousand;
  for (Link* link : victims_.links)
    if (universe_.chance(500)) link->repeat(rates_.repeats_per_thousand);
  often(rates_.kill_worker, [this] { one_of(victims_.workers).kill(); });
  often(rates_.kill_broker, [this] { one_of(victims_.brokers).kill(); });
  often(rates_.kill_gateway, [this] { one_of(victims_.gateways).kill(); });
  often(rates_.pause, [this] { pause(); });
  often(rates_.cut, [this] { any_link().cut(); });
  often(rates_.clog, [this] { universe_.chance(250) ? isolate() : clog_one(); });
  often(rates_.terminate, [this] { one_of(victims_.all).terminate(); });
  often(rates_.slow_store, [this] { slow_store(); });
  supervise();
}

void Nemesis::often(Duration mean, std::function<void()> harm) {
  if (mean == Duration{}) return;
  universe_.timeline.at(universe_.now() + universe_.random.between(0ms, 2 * mean),
                        [this, mean, harm = std::move(harm)] {
                          if (healed_) return;
                          ++faults_;
                          harm();
                          often(mean, harm);
                        });
}

// Mostly short; now and then longer than everybody's patience.
Duration Nemesis::a_while() {
  if (universe_.chance(30)) return universe_.random.between(4s, 13s);
  return universe_.chance(300) ? universe_.random.between(500ms, 4s)
                               : universe_.random.between(1ms, 500ms);
}

void Nemesis::pause() {
  Node& victim = one_of(victims_.all);
  if (!victim.runs()) return;
  victim.pause();
  universe_.timeline.at(universe_.now() + a_while(), [&victim, life = victim.life()] {
    if (victim.life() == life) victim.resume();
  });
}

void Nemesis::clog_one() {
  Link& link = any_link();
  const std::uint64_t which = universe_.random.below(3);
  const Duration time = a_while();
  if (which != 0) clog(link, up, time);
  if (which != 1) clog(link, down, time);
}

// All ways of one process.
void Nemesis::isolate() {
  const Node& victim = one_of(victims_.all);
  const Duration time = a_while();
  for (Link* link : victims_.links) {
    if (&link->peer() != &victim && &link->broker() != &victim) continue;
    clog(*link, up, time);
    clog(*link, down, time);
  }
}

void Nemesis::clog(Link& link, Way way, Duration time) {
  universe_.trace.say(link.peer().name(),
                      (way == up ? "is cut off towards " : "is cut off from ") +
                          link.broker().name());
  link.clog(way);
  const std::uint64_t number = ++clogs_;
  clogged_.emplace(number, std::pair{&link, way});
  universe_.timeline.at(universe_.now() + time, [this, number] { free(number); });
}

void Nemesis::free(std::uint64_t number) {
  const auto found = clogged_.find(number);
  if (found == clogged_.end()) return;
  const auto [link, way] = found->second;
  clogged_.erase(found);
  universe_.trace.say(link->peer().name(),
                      (way == up ? "reaches again " : "hears again ") + link->broker().name());
  link->free(way);
}

void Nemesis::slow_store() {
  universe_.trace.say("store", "is slow");
  // Beyond a broker's patience, so that requests are taken from workers that live and answer late.
  victims_.store->be_slow(universe_.chance(400) ? universe_.random.between(2s, 8s) : a_while());
  universe_.timeline.at(universe_.now() + universe_.random.between(100ms, 2s),
                        [this] { victims_.store->be_slow({}); });
}

void Nemesis::supervise() {
  for (Node* node : victims_.all) {
    if (node->alive()) continue;
    const auto [restart, is_first] = restarting_.try_emplace(node, node->life());
    if (!is_first && std::exchange(restart->second, node->life()) == node->life()) continue;
    const Duration longest = healed_ ? 100ms : Duration(1500ms);
    universe_.timeline.at(universe_.now() + universe_.random.between(10ms, longest),
                          [node] { node->start(); });
  }
  universe_.timeline.at(universe_.now() + 20ms, [this] { supervise(); });
}

void Nemesis::heal() {
  universe_.trace.say("nemesis", "heals everything");
  healed_ = true;
  universe_.young_breaks_per_thousand = 0;
  for (Link* link : victims_.links) link->repeat(0);
  while (!clogged_.empty()) free(clogged_.begin()->first);
  for (Node* node : victims_.all) node->resume();
  victims_.store->heal();
}

}  // namespace parley::sim
