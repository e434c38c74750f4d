#include "tests/sim/worker_node.h"

#include <algorithm>
#include <deque>
#include <iterator>
#include <utility>

#include "proto/bus.pb.h"
#include "proto/c2c.pb.h"
#include "tests/sim/verbs.h"
#include "workers/service_set.h"

namespace parley::sim {
namespace {

constexpr Duration link_tick_every = 100ms;
constexpr Duration drain_check_every = 10ms;
constexpr Duration drain_limit = 8s;   // workers/runner.cc
constexpr Duration stuck_after = 8s;   // workers/crew.h
constexpr std::size_t budget = 128;
constexpr std::size_t batch_bytes_max = 4 << 20;

// As workers/crew.cc does it.
std::size_t shard(std::uint64_t key, std::size_t shards) {
  return static_cast<std::size_t>((key * 0x9E3779B97F4A7C15ULL) >> 33) % shards;
}

std::vector<Verb> verbs_of(ServiceId service) {
  std::vector<Verb> verbs;
#define PARLEY_VERB(of, name, number, caller, key, body_max) \
  if (ServiceId::of == service) verbs.push_back(static_cast<Verb>(number));
#include "proto/verbs.def"
#undef PARLEY_VERB
  return verbs;
}

// Nobody reads them, but they are asked for at every start.
Metrics& metrics_of_this_thread() {
  static thread_local Metrics metrics;
  return metrics;
}

}  // namespace

// A thread with its services. A round trip that outlives its worker keeps it.
struct WorkerNode::Executor {
  std::unique_ptr<ServiceSet> services;
  std::deque<Job> waiting;
  StoreModel::Fate fate = StoreModel::Fate::commits;
  std::vector<Finished> finished;
  bool busy = false;
  Instant busy_since;
};

// -- its life

void WorkerNode::on_start() {
  core_ = std::make_unique<ConsumerCore>(
      ConsumerCore::Options{.brokers = links_.size(),
                            .credit_messages = options_.credit_messages,
                            .waiting_deliveries_max = options_.waiting_deliveries_max});
  delivered_ = 0;
  for (std::size_t i = 0; i < options_.executors; ++i) executors_.push_back(make_executor());
  connections_.resize(links_.size());
  for (std::size_t i = 0; i < links_.size(); ++i) connect(i);
  every(link_tick_every, [this] {
    for (const auto& connection : connections_) connection->tick();
  });
}

std::string WorkerNode::registration() const {
  wire::RegisterPeer body;
  body.set_role(wire::PEER_ROLE_WORKER);
  body.set_name(name());
  for (const ServiceId service : services_) body.add_services(static_cast<std::uint32_t>(service));
  body.set_credit_messages(options_.credit_messages);
  body.set_credit_bytes(options_.credit_bytes);
  return body.SerializeAsString();
}

void WorkerNode::connect(std::size_t broker) {
  connections_[broker] = std::make_unique<PeerLink>(
      *this, *links_[broker],
      PeerLink::Options{.registration = registration(),
                        .instance = instance_id(name()),
                        .boot = std::nullopt,
                        .outbox_max = core_->outbox_max(),
                        .at_loss = PeerLink::AtLoss::drop,
                        .deliveries = {}},
      PeerLink::Handlers{
          .on_up =
              [this, broker] {
                core_->on_up(broker, connections_[broker]->broker());
                perform();
              },
          .on_down =
              [this, broker] {
                core_->on_down(broker, universe().now());
                perform();
              },
          .on_message = [this, broker](
                            const EnvelopeHeader& header,
                            std::string_view body) { on_message(broker, header, body); },
          .is_alive = [this] { return is_alive(); }});
}

void WorkerNode::on_end() {
  connections_.clear();
  executors_.clear();
  core_.reset();
  for (Link* link : links_) link->on_peer_ended();
}

void WorkerNode::on_terminate() {
  for (const auto& connection : connections_) connection->register_no_more();
  core_->drain(universe().now() + drain_limit);
  perform();
  every(drain_check_every, [this] { check_drained(); });
}

void WorkerNode::check_drained() {
  if (!core_->is_drained(is_idle(), universe().now())) return;
  for (const auto& connection : connections_) connection->leave();
  finish();
}

bool WorkerNode::is_idle() const {
  return std::ranges::all_of(executors_,
                             [](const auto& e) { return !e->busy && e->waiting.empty(); });
}

bool WorkerNode::is_up_everywhere() const {
  return runs() && std::ranges::all_of(connections_, [](const auto& c) { return c->is_up(); });
}

bool WorkerNode::is_alive() const {
  const Instant now = universe().now();
  return std::ranges::none_of(executors_, [&](const auto& executor) {
    return executor->busy && now - executor->busy_since >= stuck_after;
  });
}

void WorkerNode::turn() {
  bool more = false;
  for (const auto& connection : connections_) more = connection->read(budget) || more;
  if (more) wake();
  for (const ExecutorPtr& executor : executors_) begin_batch(executor);
}

void WorkerNode::flush() {
  for (const auto& connection : connections_) {
    connection->flush();
    judge_.require(connection->outbox_size() <= core_->outbox_max(), "queues_are_bounded",
                   [&] { return name() + ": outbox"; });
  }
}

// -- what it does

void WorkerNode::on_message(std::size_t broker, const EnvelopeHeader& header,
                            std::string_view body) {
  if (header.kind != EnvelopeKind::request) return;
  if (universe().trace.on())
    universe().trace.say(name(), "receives " + text_of(header.id) + " attempt " +
                                     std::to_string(header.attempt) + " by broker " +
                                     std::to_string(broker + 1));
  BusRequest request = core_->on_request(broker, header, std::string(body));
  judge_.on_received(header);
  // Of what arrives twice the broker has sent one.
  const bool counts_the_same = options_.faults.repeats_per_thousand == 0;
  const std::size_t unanswered = core_->unanswered(broker);
  judge_.require(!counts_the_same || unanswered <= options_.credit_messages,
                 "credit_is_never_exceeded", [&] {
                   return name() + " was sent " + std::to_string(unanswered) + " requests of " +
                          std::to_string(options_.credit_messages);
                 });
  executors_[shard(header.key, executors_.size())]->waiting.push_back(
      {std::move(request), universe().now()});
}

WorkerNode::ExecutorPtr WorkerNode::make_executor() {
  auto executor = std::make_shared<Executor>();
  const auto apply = [this, at = executor.get()](const Request<wire::SendRequest>& request,
                                                 const Moment&) -> Response {
    if (at->fate != StoreModel::Fate::aborts) store_.apply(request.header.id);
    if (at->fate != StoreModel::Fate::commits)
      return fail(Errc::retry_later, "the store", 100);
    return Answer{.body = Judge::receipt_of(request.header.id)};
  };
  std::vector<Service> services;
  for (const ServiceId id : services_) {
    Service& service = services.emplace_back(id);
    for (const Verb verb : verbs_of(id))
      service.on_each<wire::SendRequest>(verb, Lane::store, allow_anyone, apply);
  }
  executor->services = std::make_unique<ServiceSet>(std::move(services), metrics_of_this_thread());
  return executor;
}

// As workers/batch_thread.h: everything that waits, within the limits.
void WorkerNode::begin_batch(const ExecutorPtr& executor) {
  if (executor->busy || executor->waiting.empty()) return;
  std::vector<Job> batch;
  std::size_t bytes = 0;
  while (!executor->waiting.empty() && batch.size() < options_.batch_max) {
    bytes += bytes_of(executor->waiting.front());
    if (!batch.empty() && bytes > batch_bytes_max) break;
    batch.push_back(std::move(executor->waiting.front()));
    executor->waiting.pop_front();
  }
  executor->busy = true;
  executor->busy_since = universe().now();
  const bool kills = std::ranges::any_of(
      batch, [&](const Job& job) { return judge_.is_poison(job.request.header.id); });
  if (kills) return after(universe().random.between(0ms, 2ms), [this] { kill(); });
  // kill -9 finds the round trip sent or not, and either way nobody waits for its reply.
  const bool outlives_worker = universe().chance(500);
  store_.begin([this, executor, outlives_worker, began = universe().now(), life = life(),
                batch = std::move(batch)](StoreModel::Fate fate) mutable {
    if (life != this->life() && !outlives_worker) return;
    executor->fate = fate;
    executor->services->process(
        std::move(batch), [&] { return Moment{began}; },
        [&](Finished finished) {
          for (const Answered& answered : finished.answers)
            if (answered.header.error != 0) judge_.on_refused(answered.request.header.id);
          executor->finished.push_back(std::move(finished));
        });
    if (life == this->life())
      after(universe().random.between(10us, 500us), [this, executor] { end_batch(executor); });
  });
}

void WorkerNode::end_batch(const ExecutorPtr& executor) {
  executor->busy = false;
  for (const Finished& finished : std::exchange(executor->finished, {}))
    for (const Answered& answered : finished.answers) reply(answered);
  begin_batch(executor);
}

void WorkerNode::reply(const Answered& answered) {
  const BusRequest& request = answered.request;
  static_cast<void>(core_->reply(request, answered.header, answered.body));
  if (answered.header.error == 0) deliver(request.header.key);
  perform();
}

void WorkerNode::deliver(std::uint64_t key) {
  const auto what = [&](const char* way) {
    return name() + "/" + std::to_string(life()) + "/" + std::to_string(key) + way + "|" +
           std::to_string(++delivered_);
  };
  const InstanceId gateway = gateways_[universe().random.below(gateways_.size())];
  static_cast<void>(core_->deliver(gateway, key, what(""), universe().now()));
  if (universe().chance(50)) core_->announce(what("*"));
}

void WorkerNode::perform() {
  for (auto& [broker, what, bytes, waiting_max] : core_->take_sends())
    static_cast<void>(connections_[broker]->send(std::move(bytes), waiting_max));
}

}  // namespace parley::sim
