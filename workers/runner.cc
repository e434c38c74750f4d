#include "workers/runner.h"

#include "base/log.h"

namespace parley {
namespace {
constexpr Duration drain_limit = 8s;
}  // namespace

Runner::Runner(Loop& loop, RunnerOptions options, const std::function<Stores()>& make_stores,
               const PasswordHasher& hasher, Metrics& metrics)
    : loop_(loop) {
  const std::vector<ServiceId> services = options.crew.services;
  crew_ = std::make_unique<Crew>(
      loop, std::move(options.crew), make_stores, hasher,
      Crew::Handlers{
          .on_answer = [this](const BusRequest& request, const EnvelopeHeader& header,
                              std::string_view body) { consumer_->reply(request, header, body); },
          .on_delivery =
              [this](const PackedDelivery& message) {
                if (message.way == Way::by_every_broker)
                  consumer_->announce(message.items);
                else
                  consumer_->deliver(message.gateway, message.key, message.items);
              }},
      metrics);
  consumer_ = std::make_unique<Consumer>(
      loop,
      ConsumerOptions{.instance = options.name,
                      .brokers = options.brokers,
                      .services = services,
                      .credit_messages = options.credit_messages,
                      .credit_bytes = options.credit_bytes},
      Consumer::Handlers{
          .on_request = [this](BusRequest request) { crew_->submit(std::move(request)); },
          .on_unreachable = [this](InstanceId gateway,
                                   std::string_view items) { crew_->unreachable(gateway, items); },
          .is_alive = [this] { return crew_->is_alive(); },
          .is_idle = [this] { return crew_->idle(); },
          .on_drain = [this] { drain(); }},
      metrics);
}

void Runner::drain() {
  if (std::exchange(draining_, true)) return;
  log::info("worker.draining");
  consumer_->drain(drain_limit, [this] { loop_.stop(); });
}

}  // namespace parley
