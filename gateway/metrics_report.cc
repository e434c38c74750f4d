#include "gateway/metrics_report.h"

#include <string>

#include "gateway/admission.h"

namespace parley {
namespace {

static_assert(std::tuple_size_v<decltype(GatewayCounts::refused)> == refusals);

std::string label(Errc code) { return std::string(name_of(code)); }

}  // namespace

MetricsReport::MetricsReport(Metrics& metrics, const GatewayCounts& counts)
    : gauges_{
          metrics.gauge("parley_gateway_connections", "Sockets of clients"),
          metrics.gauge("parley_gateway_pre_auth_connections", "Of these, not logged in"),
          metrics.gauge("parley_gateway_pre_auth_bytes", "Memory of these"),
          metrics.gauge("parley_gateway_sessions", "Clients that are logged in"),
          metrics.gauge("parley_gateway_users", "Users with at least one session"),
          metrics.gauge("parley_gateway_requests_unanswered", "Requests on the bus"),
      } {
  const auto add = [&](const std::uint64_t& source, const std::string& name,
                       const std::string& help, Labels labels = {}) {
    const std::string full = "parley_gateway_" + name + "_total";
    lines_.push_back({metrics.counter(full, help, labels), &source, 0});
  };
  add(counts.accepted, "accepted", "Connections admitted");
  add(counts.displaced, "displaced",
      "Connections that had not asked to log in and made room for newer ones");
  add(counts.handshakes, "handshakes", "Hellos");
  add(counts.handshakes_failed, "handshakes_failed", "Hellos that were not valid");
  add(counts.frames_in, "frames", "Frames", {{"way", "in"}});
  add(counts.frames_out, "frames", "Frames", {{"way", "out"}});
  add(counts.bytes_in, "bytes", "Bytes on clients' sockets", {{"way", "in"}});
  add(counts.bytes_out, "bytes", "Bytes on clients' sockets", {{"way", "out"}});
  add(counts.notices, "notices", "Notices queued for clients", {{"fate", "queued"}});
  add(counts.notices_dropped, "notices", "Notices queued for clients", {{"fate", "slow_reader"}});
  add(counts.broadcasts_dropped, "broadcasts_dropped",
      "Notices for everybody that were dropped because too many waited");
  add(counts.deliveries_stale, "deliveries_stale", "Deliveries for users that are not here");
  add(counts.bad_from_bus, "bad_from_bus", "Replies and deliveries that could not be used");
  for (std::size_t i = 0; i < counts.requests.size(); ++i)
    add(counts.requests[i], "requests", "Requests published",
        {{"verb", std::string(verb_info(static_cast<std::uint16_t>(verb_numbers[i]))->name)}});
  for (std::size_t i = 0; i < counts.refused.size(); ++i)
    add(counts.refused[i], "refused", "Connections not admitted",
        {{"why", std::string(name_of(static_cast<Refusal>(i)))}});
  add(counts.closed[0], "closed", "Connections closed", {{"reason", "client"}});
  for (std::uint16_t number = 1; number < GatewayCounts::errcs; ++number) {
    const auto code = errc_from(number);
    if (!code) continue;
    add(counts.errors[number], "errors", "Error frames sent", {{"code", label(*code)}});
    add(counts.closed[number], "closed", "Connections closed", {{"reason", label(*code)}});
  }
}

void MetricsReport::update(const Levels& levels) {
  for (Line& line : lines_) {
    if (*line.source != line.shown) line.counter.add(*line.source - line.shown);
    line.shown = *line.source;
  }
  gauges_.connections.set(levels.connections);
  gauges_.pre_auth.set(levels.pre_auth);
  gauges_.pre_auth_bytes.set(levels.pre_auth_bytes);
  gauges_.sessions.set(levels.sessions);
  gauges_.users.set(levels.users);
  gauges_.requests_unanswered.set(levels.requests_unanswered);
}

}  // namespace parley
