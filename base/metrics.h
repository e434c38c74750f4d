// Counters, gauges and histograms of one process, in Prometheus' text format. Built in main and
// handed down; a component asks for its metrics once and keeps the handles. Updates: any thread,
// one atomic.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"

namespace parley {

using Labels = std::initializer_list<std::pair<std::string, std::string>>;

class Counter {
 public:
  void add(std::uint64_t n = 1) const;

 private:
  friend class Metrics;
  Counter(void* family, void* counter) : family_(family), counter_(counter) {}
  void* family_;
  void* counter_;
};

class Gauge {
 public:
  void set(double value) const;
  void add(double delta) const;

 private:
  friend class Metrics;
  Gauge(void* family, void* gauge) : family_(family), gauge_(gauge) {}
  void* family_;
  void* gauge_;
};

class Histogram {
 public:
  void observe(double value) const;

 private:
  friend class Metrics;
  explicit Histogram(void* histogram) : histogram_(histogram) {}
  void* histogram_;
};

// Handles stay valid as long as their Metrics, or until they are removed. Names:
// parley_<what>_<unit>, as Prometheus advises.
class Metrics {
 public:
  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  Counter counter(const std::string& name, const std::string& help, Labels labels = {});
  Gauge gauge(const std::string& name, const std::string& help, Labels labels = {});
  // `bounds`: upper bounds of the buckets, ascending.
  Histogram histogram(const std::string& name, const std::string& help, std::vector<double> bounds,
                      Labels labels = {});

  // No scrape sees it any more. For labels that come and go, which would make the text grow for
  // ever. Requires: no handle of this name and these labels is used again; ask for a new one.
  void remove(Counter counter);
  void remove(Gauge gauge);

  // All metrics as text, as a scrape would see them.
  std::string text() const;
  // Answers scrapes of http://<address>/metrics from a thread of its own until this object dies.
  // `address`: "127.0.0.1:9100"; port 0 takes a free one, which the log names
  // (metrics.listening). io: it cannot be bound.
  Status expose(const std::string& address);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace parley
