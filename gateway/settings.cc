#include "gateway/settings.h"

namespace parley {
namespace {

constexpr std::uint64_t million = 1'000'000;
constexpr std::uint64_t day_ms = 86'400'000;

void declare_rate(Config& config, const std::string& name, Rate& rate, const std::string& what) {
  config.number("limits." + name + "_per_second", &rate.count, 0, million,
                what + "; 0: no limit");
  config.number("limits." + name + "_burst", &rate.burst, 1, million, "The same, at once");
}

void declare_identity(Config& config, GatewaySettings& s) {
  config.text("gateway.name", &s.name, "Lasting name, unique on the bus, at most 64 bytes");
  config.list("gateway.listen", &s.listen, "Addresses with port; port 0 takes a free one");
  config.text("gateway.port_file", &s.port_file,
              "Where the ports that were taken are written, one a line; empty: nowhere");
  config.list("gateway.keys", &s.key_files,
              "Files with the server's static keys (mode 0600); two while keys are being changed");
  config.flag("gateway.reuse_port", &s.reuse_port, "Let several gateways listen on one port");
  s.bus.declare(config, "gateway");
  config.text("metrics.listen", &s.metrics_listen,
              "Address of the Prometheus metrics; empty: none");
}

void declare_admission(Config& config, GatewaySettings& s) {
  AdmissionLimits& a = s.admission;
  config.number("limits.connections_max", &a.connections_max, 1, slots_max,
                "Connections in all; less if the file limit is lower");
  config.number("limits.pre_auth_max", &a.pre_auth_max, 0, slots_max,
                "Connections that have not logged in; above it the oldest that have not "
                "asked to make room; 0: no limit");
  config.number("limits.pre_auth_bytes_max", &a.pre_auth_bytes_max, 0, 1ULL << 40,
                "Memory of connections that have not logged in; 0: no limit");
  config.number("limits.per_origin_max", &a.per_origin_max, 0, slots_max,
                "Connections of one address (IPv6: /64); 0: no limit");
  config.number("limits.per_origin_pre_auth_max", &a.per_origin_pre_auth_max, 0, slots_max,
                "The same, not logged in; 0: no limit");
  declare_rate(config, "per_origin", a.per_origin_rate, "New connections of one address");
  declare_rate(config, "accepts", s.accepts, "New connections in all; above it they wait");
  declare_rate(config, "handshakes", s.handshakes,
               "Handshakes in all; above it new connections wait");
}

void declare_sessions(Config& config, GatewaySettings& s) {
  declare_rate(config, "frames", s.frames, "Frames of one connection");
  declare_rate(config, "messages", s.messages, "Messages of one user");
  config.number("limits.finds_per_minute", &s.finds.count, 0, million,
                "Times that one user looks people up; 0: no limit");
  config.number("limits.finds_burst", &s.finds.burst, 1, million, "The same, at once");
  config.number("limits.strikes_max", &s.strikes_max, 0, million,
                "Hints to wait, ignored within 10 s, that close a connection; 0: never");
  config.number("limits.in_flight_max", &s.in_flight_max, 1, 1'024,
                "Unanswered requests of one connection");
  config.number("limits.queue_soft_bytes", &s.queue.soft_bytes, 4'096, 1ULL << 30,
                "Above it a slow reader gets no notices");
  config.number("limits.queue_hard_bytes", &s.queue.hard_bytes, 65'536, 1ULL << 30,
                "Above it a slow reader is disconnected");
  config.number("limits.write_ms", &s.write_ms, 1, day_ms, "A write that takes longer disconnects");
  config.number("limits.first_byte_ms", &s.first_byte_ms, 1, day_ms, "From connecting");
  config.number("limits.handshake_ms", &s.handshake_ms, 1, day_ms, "From connecting");
  config.number("limits.login_ms", &s.login_ms, 1, day_ms, "From connecting");
  config.number("limits.idle_ms", &s.idle_ms, 1, day_ms, "From the last frame");
}

}  // namespace

void declare(Config& config, GatewaySettings& s) {
  declare_identity(config, s);
  declare_admission(config, s);
  declare_sessions(config, s);
  config.number("drain.spread_ms", &s.drain_spread_ms, 1, day_ms,
                "Over how long clients spread their return when this gateway stops");
  config.number("drain.limit_ms", &s.drain_ms, 1, day_ms,
                "How long to wait for outstanding answers when stopping");
}

Status check(const GatewaySettings& s) {
  if (s.name.empty() || s.name.size() > 64)
    return fail(Errc::config, "gateway.name needs 1 to 64 bytes");
  if (s.listen.empty()) return fail(Errc::config, "gateway.listen is empty");
  if (s.key_files.empty() || s.key_files.size() > 2)
    return fail(Errc::config, "gateway.keys needs one file, or two while keys are being changed");
  if (s.queue.soft_bytes >= s.queue.hard_bytes)
    return fail(Errc::config, "limits.queue_soft_bytes must be below limits.queue_hard_bytes");
  return {};
}

}  // namespace parley
