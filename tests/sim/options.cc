#include "tests/sim/options.h"

#include <algorithm>

namespace parley::sim {
namespace {

std::uint64_t one_of(Random& random, std::initializer_list<std::uint64_t> values) {
  return *(values.begin() + random.below(values.size()));
}

std::uint64_t draw_repeats(Random& random) { return one_of(random, {0, 0, 0, 5, 50, 400}); }

// Half of the faults are absent, so that those which are there are not hidden behind others.
FaultRates draw_faults(Random& random) {
  const auto rate = [&](Duration often, Duration seldom) {
    return random.below(2) == 0 ? Duration{} : random.between(often, seldom);
  };
  FaultRates rates;
  if (random.below(12) == 0) return rates;  // a calm world
  rates.kill_worker = rate(400ms, 4s);
  rates.kill_broker = rate(1s, 6s);
  rates.kill_gateway = rate(2s, 8s);
  rates.pause = rate(500ms, 4s);
  rates.cut = rate(200ms, 3s);
  rates.clog = rate(500ms, 4s);
  rates.terminate = rate(700ms, 4s);
  rates.slow_store = rate(500ms, 4s);
  rates.young_breaks_per_thousand = one_of(random, {0, 300, 900});
  rates.repeats_per_thousand = draw_repeats(random);
  return rates;
}

}  // namespace

WorldOptions WorldOptions::draw(Random& random) {
  const bool tight = random.below(3) == 0;  // bounds that are reached
  WorldOptions o{};
  o.brokers = one_of(random, {1, 1, 2, 2, 3});
  o.gateways = 1 + random.below(3);
  o.workers = 1 + random.below(5);
  o.executors = 1 + random.below(3);
  o.services = 1 + random.below(3);
  o.keys = one_of(random, {1, 3, 10, 100});
  o.hot_per_thousand = one_of(random, {0, 200, 800});
  o.poison_per_thousand = one_of(random, {0, 0, 0, 2, 10});
  o.large_per_thousand = one_of(random, {0, 20});
  o.publish_every = random.between(15ms, 150ms);
  o.burst_max = one_of(random, {1, 1, 5, 40});
  o.publish_every *= o.burst_max > 5 ? 6 : 1;
  o.safety = random.between(3s, 9s);
  o.latency_min = 20us;
  o.latency_max = one_of(random, {1, 1, 2, 20}) * random.between(100us, 1ms);
  o.store_min = 200us;
  o.store_max = random.between(1ms, 40ms);
  o.abort_per_thousand = one_of(random, {0, 0, 20});
  o.in_doubt_per_thousand = one_of(random, {0, 0, 20});
  o.pending_max = tight ? 10 + random.below(100) : 20'000;
  o.credit_messages = static_cast<std::uint32_t>(one_of(random, {1, 2, 5, 20, 100}));
  o.credit_bytes = static_cast<std::uint32_t>(one_of(random, {300, 1'000, 10'000, 1'000'000}));
  o.batch_max = one_of(random, {1, 4, 512});
  o.gateway_messages_max = tight ? 5 + random.below(50) : 50'000;
  o.waiting_deliveries_max = tight ? 1 + random.below(10) : 8'192;
  if (tight) {
    o.delivery_window = {.messages = static_cast<std::uint32_t>(1 + random.below(20)),
                         .bytes = static_cast<std::uint32_t>(200 + random.below(5'000))};
    o.broker.waiting_deliveries_max = random.below(20);
    o.broker.queue_messages_max = 1 + random.below(60);
    o.broker.held_messages_max = 5 + random.below(150);
    o.broker.held_bytes_max = 2'000 + random.below(60'000);
  }
  if (random.below(3) == 0) o.broker.startup_grace = 0s;
  o.faults = draw_faults(random);
  if (random.below(8) == 0) o.become_rolling_restart(random);
  return o;
}

void WorldOptions::become_rolling_restart(Random& random) {
  rolling_restart = true;
  workers = std::max<std::size_t>(workers, 2);
  services = 1;  // which everybody serves
  poison_per_thousand = abort_per_thousand = in_doubt_per_thousand = 0;
  publish_every = random.between(30ms, 150ms);
  burst_max = 1;
  store_max = random.between(1ms, 10ms);
  latency_max = random.between(100us, 2ms);
  pending_max = 20'000;
  credit_messages = std::max<std::uint32_t>(credit_messages, 5);
  credit_bytes = std::max<std::uint32_t>(credit_bytes, 10'000);
  gateway_messages_max = 50'000;
  waiting_deliveries_max = 8'192;
  delivery_window = {};
  broker = {};
  faults = {};
  faults.terminate = random.between(500ms, 3s);
  faults.repeats_per_thousand = draw_repeats(random);
}

}  // namespace parley::sim
