#include "perf/load/tally.h"

#include <nlohmann/json.hpp>

namespace parley::perf {
namespace {

using Json = nlohmann::json;

// Every plain number, once.
#define PARLEY_TALLY_COUNTS(X)                                                                    \
  X(clients)                                                                                      \
  X(lost_connections) X(sent) X(acked) X(acked_in_window) X(unanswered) X(acks_misordered)        \
      X(delivered) X(duplicates) X(misordered) X(missing) X(pongs) X(rows_expected) X(rows_found) \
          X(rows_foreign) X(cpu_seconds)

Json to_json(const LatencyHistogram& histogram) {
  return {{"buckets", histogram.sparse()}, {"max", histogram.max().count()}};
}

LatencyHistogram histogram_from(const Json& json) {
  return LatencyHistogram::from(json.at("buckets").get<LatencyHistogram::Sparse>(),
                                Duration(json.at("max").get<std::int64_t>()));
}

double us(Duration duration) { return std::chrono::duration<double, std::micro>(duration).count(); }

}  // namespace

void Tally::add(const Tally& other) {
#define X(name) name += other.name;
  PARLEY_TALLY_COUNTS(X)
#undef X
  for (const auto& [error, count] : other.refused) refused[error] += count;
  ack.add(other.ack);
  delivery.add(other.delivery);
}

bool Tally::clean() const {
  return lost_connections == 0 && refused.empty() && unanswered == 0 && acks_misordered == 0 &&
         duplicates == 0 && misordered == 0 && missing == 0 && rows_found == rows_expected &&
         rows_foreign == 0;
}

std::string Tally::to_json() const {
  Json json{
      {"refused", refused}, {"ack", perf::to_json(ack)}, {"delivery", perf::to_json(delivery)}};
#define X(name) json[#name] = name;
  PARLEY_TALLY_COUNTS(X)
#undef X
  return json.dump();
}

Tally Tally::from_json(const std::string& text) {
  const Json json = Json::parse(text);
  Tally tally;
#define X(name) json.at(#name).get_to(tally.name);
  PARLEY_TALLY_COUNTS(X)
#undef X
  json.at("refused").get_to(tally.refused);
  tally.ack = histogram_from(json.at("ack"));
  tally.delivery = histogram_from(json.at("delivery"));
  return tally;
}

std::string quantiles_json(const LatencyHistogram& histogram) {
  return Json{{"p50", us(histogram.at(0.5))},  {"p90", us(histogram.at(0.9))},
              {"p99", us(histogram.at(0.99))}, {"p999", us(histogram.at(0.999))},
              {"max", us(histogram.max())},    {"count", histogram.count()}}
      .dump();
}

}  // namespace parley::perf
