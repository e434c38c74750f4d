#include "workers/crew.h"

#include <algorithm>

#include "base/failpoint.h"
#include "base/log.h"

namespace parley {
namespace {

// A login that waited longer than this for a hasher is answered with retry_later: its user has
// given up.
constexpr std::uint32_t hashing_wait_max_ms = 1'500;
constexpr std::uint32_t hashing_retry_ms = 1'000;

std::size_t shard(std::uint64_t key, std::size_t shards) {
  return static_cast<std::size_t>((key * 0x9E3779B97F4A7C15ULL) >> 33) % shards;
}

// A message that was not pushed is in the log. That a session is over is nowhere else.
bool is_found_later(const Delivery& delivery) {
  return delivery.reach != Reach::every_gateway;
}

FailAction failpoint_of(const std::vector<Delivery>& deliveries) {
  return deliveries.empty() ? FailAction::nothing : failpoint(Failpoint::wk_after_reply);
}

Moment moment_now() { return {monotonic_now(), wall_clock_ms()}; }

std::vector<double> seconds_buckets() {
  return {0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5};
}

}  // namespace

Crew::Crew(Loop& loop, CrewOptions options, const std::function<Stores()>& make_stores,
           const PasswordHasher& hasher, Handlers handlers, Metrics& metrics)
    : options_(std::move(options)),
      hasher_(hasher),
      handlers_(std::move(handlers)),
      metrics_(metrics),
      hashing_refused_(metrics.counter("parley_worker_hashing_refused_total",
                                       "Logins refused because too many waited for a hasher")),
      deliveries_dropped_(metrics.counter("parley_worker_deliveries_dropped_total",
                                          "Deliveries dropped because the courier lagged")),
      batch_requests_(metrics.histogram("parley_worker_batch_requests", "Requests in a batch",
                                        {1, 2, 5, 10, 20, 50, 100, 200, 500, 1000})),
      batch_seconds_(metrics.histogram("parley_worker_batch_seconds", "Time to work off a batch",
                                       seconds_buckets())),
      wakeup_(loop, [this] { collect(); }),
      before_block_(loop, [this] { hand_out(); }) {
  furnish(executors, options_.executors, options_.batch_max, make_stores);
  if (serves(Lane::sessions)) furnish(clerks, options_.clerks, options_.batch_max, make_stores);
  if (serves(Lane::hashing)) furnish(hashers, options_.hashers, 1, make_stores);
  if (serves(Lane::business)) furnish(counters, options_.business, options_.batch_max, make_stores);
  courier_stores_ = make_stores();
  courier_ = std::make_unique<Courier>(*courier_stores_.routes, services_for(courier_stores_),
                                       options_.brokers, metrics);
  courier_thread_ = std::make_unique<CourierThread>(
      CourierThread::Options{.wake = [this] { wakeup_.notify(); }},
      [this](std::vector<CourierTask>& batch, CourierThread::Reporter& reporter) {
        courier_->work(batch, moment_now(), [&](CourierResult result) {
          reporter.emit(std::move(result));
          reporter.progress();
        });
      });
}

Crew::~Crew() = default;

ServiceSet Crew::services_for(const Stores& stores) const {
  return {make_services(options_.services, {.log = *stores.log,
                                            .users = *stores.users,
                                            .routes = *stores.routes,
                                            .events = *stores.events,
                                            .hasher = hasher_,
                                            .login = options_.login}),
          metrics_};
}

void Crew::furnish(Room room, std::size_t desks, std::size_t batch_max,
                   const std::function<Stores()>& make_stores) {
  for (std::size_t i = 0; i < desks; ++i)
    desks_[room].push_back(make_desk(make_stores(), batch_max));
}

std::unique_ptr<Crew::Desk> Crew::make_desk(Stores stores, std::size_t batch_max) {
  ServiceSet services = services_for(stores);
  lanes_ = services.lanes();
  auto desk = std::make_unique<Desk>(std::move(stores), std::move(services));
  desk->thread = std::make_unique<Executor>(
      Executor::Options{.batch_max = batch_max,
                        .batch_bytes_max = options_.batch_bytes_max,
                        .wake = [this] { wakeup_.notify(); }},
      [this, desk = desk.get()](std::vector<Job>& batch, Executor::Reporter& reporter) {
        work(*desk, batch, reporter);
      });
  return desk;
}

void Crew::work(Desk& desk, std::vector<Job>& batch, Executor::Reporter& reporter) const {
  const Instant begin = monotonic_now();
  batch_requests_.observe(static_cast<double>(batch.size()));
  desk.services.process(std::move(batch), moment_now, [&](Finished finished) {
    reporter.emit(std::move(finished));
    reporter.progress();
  });
  batch_seconds_.observe(std::chrono::duration<double>(monotonic_now() - begin).count());
}

bool Crew::serves(Lane lane) const {
  return std::ranges::any_of(lanes_, [&](const auto& entry) { return entry.second == lane; });
}

void Crew::submit(BusRequest request) {
  const auto lane = lanes_.find(request.header.verb);
  Job job{std::move(request), monotonic_now()};
  if (lane == lanes_.end()) {
    refused_.push_back(reply_to(std::move(job.request), fail(Errc::unsupported, "no such verb")));
    return;
  }
  const std::uint64_t key = job.request.header.key;
  switch (lane->second) {
    case Lane::store: desk_for(executors, key).arrived.push_back(std::move(job)); return;
    case Lane::sessions: desk_for(clerks, key).arrived.push_back(std::move(job)); return;
    case Lane::business: desk_for(counters, key).arrived.push_back(std::move(job)); return;
    case Lane::hashing: submit_to_hasher(std::move(job)); return;
    case Lane::routes: courier_arrived_.push_back(std::move(job)); return;
  }
}

Crew::Desk& Crew::desk_for(Room room, std::uint64_t key) {
  return *desks_[room][shard(key, desks_[room].size())];
}

// By network, so that one that floods us with logins keeps one hasher busy and its failures are
// counted in one place.
void Crew::submit_to_hasher(Job job) {
  Desk& desk = desk_for(hashers, job.request.header.origin);
  const std::size_t share =
      std::max<std::size_t>(1, options_.hash_queue_max / desks_[hashers].size());
  if (desk.thread->backlog() + desk.arrived.size() > share) {
    hashing_refused_.add();
    refused_.push_back(reply_to(std::move(job.request),
                                fail(Errc::retry_later, "hashers are busy", hashing_retry_ms)));
    return;
  }
  job.request.header.ttl_ms = std::min(job.request.header.ttl_ms, hashing_wait_max_ms);
  desk.arrived.push_back(std::move(job));
}

void Crew::unreachable(InstanceId gateway, std::string_view items) {
  // The next delivery finds the stale route again.
  if (courier_thread_->backlog_bytes() > options_.courier_bytes_max) return;
  courier_arrived_.push_back(Unreachable{gateway, std::string(items)});
}

void Crew::hand_out() {
  if (!refused_.empty()) answer(std::exchange(refused_, {}));
  for (const Desks& room : desks_) {
    for (const auto& desk : room) {
      if (!desk->arrived.empty()) desk->thread->submit(std::exchange(desk->arrived, {}));
    }
  }
  if (!courier_arrived_.empty()) courier_thread_->submit(std::exchange(courier_arrived_, {}));
}

void Crew::collect() {
  std::vector<Delivery> deliveries;
  for (const Desks& room : desks_) {
    for (const auto& desk : room) {
      for (Finished& finished : desk->thread->take_results()) {
        answer_or_admit(std::move(finished.answers));
        std::ranges::move(finished.deliveries, std::back_inserter(deliveries));
      }
    }
  }
  const bool lose = failpoint_of(deliveries) == FailAction::drop;
  if (!deliveries.empty() && !lose) to_courier(std::move(deliveries));
  for (const CourierResult& result : courier_thread_->take_results()) {
    answer(result.answers);
    for (const PackedDelivery& message : result.messages) handlers_.on_delivery(message);
  }
}

void Crew::answer(const std::vector<Answered>& answers) const {
  for (const Answered& answered : answers)
    handlers_.on_answer(answered.request, answered.header, answered.body);
}

// Logins are answered by the courier, after it has stored where their users now are.
void Crew::answer_or_admit(std::vector<Answered> answers) {
  const bool courier_lags = courier_thread_->backlog_bytes() > options_.courier_bytes_max;
  const auto logins = std::ranges::stable_partition(answers, [&](const Answered& answered) {
    return courier_lags || (answered.header.flags & flag_binds_session) == 0;
  });
  if (!logins.empty()) {
    courier_arrived_.push_back(
        Arrivals{{std::make_move_iterator(logins.begin()), std::make_move_iterator(logins.end())}});
    answers.erase(logins.begin(), answers.end());
  }
  answer(answers);
}

void Crew::to_courier(std::vector<Delivery> deliveries) {
  const bool full = courier_thread_->backlog_bytes() > options_.courier_bytes_max;
  const std::size_t dropped = full ? std::erase_if(deliveries, is_found_later) : 0;
  deliveries_dropped_.add(dropped);
  if (dropped != 0 && !dropping_) log::warn("deliveries.dropped");
  dropping_ = full && (dropping_ || dropped != 0);
  if (!deliveries.empty()) courier_arrived_.push_back(std::move(deliveries));
}

bool Crew::is_alive() const {
  const Instant now = monotonic_now();
  const auto moves = [&](const auto& desk) {
    return desk->thread->busy_for(now) < options_.stuck_after;
  };
  return std::ranges::all_of(desks_,
                             [&](const Desks& room) { return std::ranges::all_of(room, moves); }) &&
         courier_thread_->busy_for(now) < options_.stuck_after;
}

bool Crew::idle() const {
  const auto rests = [](const auto& desk) { return desk->arrived.empty() && desk->thread->idle(); };
  return refused_.empty() && courier_arrived_.empty() && courier_thread_->idle() &&
         std::ranges::all_of(desks_,
                             [&](const Desks& room) { return std::ranges::all_of(room, rests); });
}

}  // namespace parley
