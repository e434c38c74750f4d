#include "perf/bars/pairs.h"

#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/assert.h"

namespace parley::perf {
namespace {

using Json = nlohmann::json;

std::string value_of(const char* file, const std::string& key) {
  std::ifstream lines(file);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(key)) continue;
    const auto begin = line.find_first_not_of(" \t", line.find(':') + 1);
    return begin == std::string::npos ? "" : line.substr(begin);
  }
  return "";
}

Json machine() {
  utsname system{};
  uname(&system);
  double load = 0;
  getloadavg(&load, 1);
  return {{"processors", sysconf(_SC_NPROCESSORS_ONLN)},
          {"model", value_of("/proc/cpuinfo", "model name")},
          {"memory", value_of("/proc/meminfo", "MemTotal")},
          {"kernel", std::string(system.release)},
          {"load", load},
          {"build", PARLEY_BUILD}};
}

double rounded(double value) { return std::round(value * 1000) / 1000; }

Json to_json(const std::vector<Pair>& pairs) {
  Json list = Json::array();
  for (const Pair& pair : pairs)
    list.push_back({{"measured", rounded(pair.measured)},
                    {"baseline", rounded(pair.baseline)},
                    {"ratio", rounded(pair.ratio())}});
  return list;
}

}  // namespace

Result<std::vector<Pair>> measure_pairs(unsigned count, const Measure& measured,
                                        const Measure& baseline) {
  std::vector<Pair> pairs;
  for (unsigned i = 0; i < count; ++i) {
    Pair pair;
    const auto take = [](double& into, const Measure& measure) -> Status {
      PARLEY_TRY(into, measure());
      return {};
    };
    if (i % 2 == 0) PARLEY_CHECK(take(pair.measured, measured));
    PARLEY_CHECK(take(pair.baseline, baseline));
    if (i % 2 == 1) PARLEY_CHECK(take(pair.measured, measured));
    pairs.push_back(pair);
  }
  return pairs;
}

double median(std::vector<double> values) {
  PARLEY_ASSERT(!values.empty());
  std::ranges::sort(values);
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

double median_ratio(const std::vector<Pair>& pairs) {
  std::vector<double> ratios;
  for (const Pair& pair : pairs) ratios.push_back(pair.ratio());
  return median(std::move(ratios));
}

std::string bar_json(const Bar& bar, const std::vector<Pair>& pairs,
                     const std::vector<Pair>& control, const std::string& details) {
  const double value = median_ratio(pairs);
  Json json{{"bar", bar.name},
            {"value", rounded(value)},
            {"target", bar.target},
            {"stretch", bar.stretch},
            {"better", bar.better == Better::higher ? "higher" : "lower"},
            {"ok", bar.met_by(value)},
            {"unit", bar.unit},
            {"pairs", to_json(pairs)},
            {"machine", machine()}};
  if (!control.empty())
    json["control"] = {{"value", rounded(median_ratio(control))}, {"pairs", to_json(control)}};
  if (!details.empty()) json["details"] = Json::parse(details);
  return json.dump();
}

}  // namespace parley::perf
