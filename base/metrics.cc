#include "base/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/exposer.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <exception>

#include "base/log.h"

namespace parley {
namespace {

prometheus::Labels labels_of(Labels labels) { return {labels.begin(), labels.end()}; }

}  // namespace

void Counter::add(std::uint64_t n) const {
  static_cast<prometheus::Counter*>(counter_)->Increment(static_cast<double>(n));
}

void Gauge::set(double value) const { static_cast<prometheus::Gauge*>(gauge_)->Set(value); }
void Gauge::add(double delta) const { static_cast<prometheus::Gauge*>(gauge_)->Increment(delta); }

void Histogram::observe(double value) const {
  static_cast<prometheus::Histogram*>(histogram_)->Observe(value);
}

struct Metrics::Impl {
  std::shared_ptr<prometheus::Registry> registry = std::make_shared<prometheus::Registry>();
  std::unique_ptr<prometheus::Exposer> exposer;
};

Metrics::Metrics() : impl_(std::make_unique<Impl>()) {}
Metrics::~Metrics() = default;

Counter Metrics::counter(const std::string& name, const std::string& help, Labels labels) {
  auto& family = prometheus::BuildCounter().Name(name).Help(help).Register(*impl_->registry);
  return Counter(&family, &family.Add(labels_of(labels)));
}

Gauge Metrics::gauge(const std::string& name, const std::string& help, Labels labels) {
  auto& family = prometheus::BuildGauge().Name(name).Help(help).Register(*impl_->registry);
  return Gauge(&family, &family.Add(labels_of(labels)));
}

Histogram Metrics::histogram(const std::string& name, const std::string& help,
                             std::vector<double> bounds, Labels labels) {
  auto& family = prometheus::BuildHistogram().Name(name).Help(help).Register(*impl_->registry);
  return Histogram(&family.Add(labels_of(labels), std::move(bounds)));
}

void Metrics::remove(Counter counter) {
  static_cast<prometheus::Family<prometheus::Counter>*>(counter.family_)
      ->Remove(static_cast<prometheus::Counter*>(counter.counter_));
}

void Metrics::remove(Gauge gauge) {
  static_cast<prometheus::Family<prometheus::Gauge>*>(gauge.family_)
      ->Remove(static_cast<prometheus::Gauge*>(gauge.gauge_));
}

std::string Metrics::text() const {
  return prometheus::TextSerializer().Serialize(impl_->registry->Collect());
}

Status Metrics::expose(const std::string& address) {
  try {
    impl_->exposer = std::make_unique<prometheus::Exposer>(address, 1);
    impl_->exposer->RegisterCollectable(impl_->registry);
  } catch (const std::exception& e) {
    return fail(Errc::io, "metrics cannot listen on " + address + ": " + e.what());
  }
  const std::string host = address.substr(0, address.rfind(':') + 1);
  for (const int port : impl_->exposer->GetListeningPorts())
    log::info("metrics.listening", {{"address", host + std::to_string(port)}});
  return {};
}

}  // namespace parley
