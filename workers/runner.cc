#include "workers/runner.h"

#include <algorithm>

#include "base/failpoint.h"
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
          .on_answer =
              [this](const BusRequest& request, const EnvelopeHeader& header,
                     std::string_view body) {
                const auto fault = failpoint(Failpoint::wk_before_reply, request.header.verb);
                if (fault != FailAction::drop) consumer_->reply(request, header, body);
              },
          .on_delivery =
              [this](const PackedDelivery& message) {
                const FailAction action = failpoint(Failpoint::wk_mid_fanout);
                if (action == FailAction::drop) return;
                if (action == FailAction::twice) deliver(message);
                deliver(message);
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
          .on_request = [this](BusRequest request) { receive(std::move(request)); },
          .on_unreachable = [this](InstanceId gateway,
                                   std::string_view items) { crew_->unreachable(gateway, items); },
          .is_alive = [this] { return crew_->is_alive(); },
          .is_idle = [this] { return crew_->idle(); },
          .on_drain = [this] { drain(); }},
      metrics);
  if (std::ranges::find(services, ServiceId::event) != services.end()) {
    sweeper_ = std::make_unique<EventSweeper>(
        loop, make_stores().events, options.sweep,
        [this](const PackedDelivery& message) { deliver(message); });
  }
}

void Runner::receive(BusRequest request) {
  switch (failpoint(Failpoint::wk_after_recv, request.header.verb)) {
    case FailAction::fail: return refuse(request);
    case FailAction::drop: return;
    default: return crew_->submit(std::move(request));
  }
}

void Runner::refuse(const BusRequest& request) {
  const auto answered = reply_to(request, fail(Errc::retry_later, "failpoint", 100));
  consumer_->reply(request, answered.header, answered.body);
}

void Runner::deliver(const PackedDelivery& message) {
  if (message.way == Way::by_every_broker) consumer_->announce(message.items);
  else consumer_->deliver(message.gateway, message.key, message.items);
}

void Runner::drain() {
  if (std::exchange(draining_, true)) return;
  log::info("worker.draining");
  if (sweeper_) sweeper_->stop();
  consumer_->drain(drain_limit, [this] { loop_.stop(); });
}

}  // namespace parley
