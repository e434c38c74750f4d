#include "perf/raw/lone_request.h"

#include <nlohmann/json.hpp>

#include "bus/rendezvous.h"
#include "perf/histogram.h"
#include "perf/raw/bus_peers.h"
#include "proto/verbs.h"

namespace parley::perf {
namespace {

using Json = nlohmann::json;

constexpr Duration answer_limit = 4s;
constexpr std::size_t kind_at = 1;  // of an encoded envelope (bus/README.md)
constexpr std::size_t body_bytes = 128;

std::string worker_name(std::size_t side) { return "lone-worker-" + std::to_string(side); }
std::string client_name(std::size_t side) { return "lone-client-" + std::to_string(side); }

// A key whose requests go to that side's worker, as long as it has credit.
std::uint64_t key_of(std::size_t side) {
  const auto weight = [](std::size_t worker, std::uint64_t key) {
    return rendezvous_weight(instance_id(worker_name(worker)).value, key);
  };
  std::uint64_t key = 1;
  while (weight(side, key) <= weight(1 - side, key)) ++key;
  return key;
}

// Sends everything back until it is told to stop, then says how much each side's worker had of its own client.
std::string run_workers(const BusAddress& address, const LoneLoad& load, Child& parent) {
  BusPeers workers;
  for (std::size_t side = 0; side < load.sides.size(); ++side)
    workers.add({.endpoint = address.workers,
                 .name = {},
                 .role = BusPeer::Role::worker,
                 .packing = load.sides[side]},
                worker_name(side));
  if (const std::string failure = workers.get_ready(); !failure.empty())
    return "workers: " + failure;
  parent.write_line("ready");
  std::array<std::uint64_t, 2> counts{};
  std::string answer;
  const auto echo = [&](std::size_t side, const Envelope& request, std::string_view bytes,
                        std::string_view route) {
    counts[side] += request.header.id.gateway == instance_id(client_name(side)) ? 1 : 0;
    answer = bytes;
    answer[kind_at] = static_cast<char>(EnvelopeKind::reply);
    workers[side].say(route, answer);
  };
  while (!workers.turn(1s, parent.readable_fd(), echo)) continue;
  const std::string failure = workers.failure();
  return failure.empty() ? Json(counts).dump() : "workers: " + failure;
}

class LoneClients {
 public:
  LoneClients(const BusAddress& address, const LoneLoad& load) : load_(load) {
    for (std::size_t side = 0; side < load.sides.size(); ++side)
      peers_.add({.endpoint = address.clients, .name = {}, .packing = load.sides[side]},
                 client_name(side));
  }

  // Empty: all went well.
  std::string run() {
    if (std::string failure = peers_.get_ready(); !failure.empty()) return failure;
    const Instant begin = monotonic_now() + load_.warmup;
    const Instant end = begin + load_.length;
    for (std::uint64_t n = 0;; ++n) {
      const std::size_t side = (n ^ (n >> 1)) & 1;  // 0 1 1 0
      const Instant asked = monotonic_now();
      if (asked >= end) return {};
      if (std::string failure = ask(side, n + 1); !failure.empty()) return failure;
      if (asked >= begin) latencies_[side].record(monotonic_now() - asked);
    }
  }

  Json result() const {
    const auto p50 = [](const LatencyHistogram& all) { return all.at(0.5).count(); };
    return {{"asked", asked_}, {"p50_ns", {p50(latencies_[0]), p50(latencies_[1])}}};
  }

 private:
  // Returns when it is answered.
  std::string ask(std::size_t side, std::uint64_t number) {
    const EnvelopeHeader header{
        .kind = EnvelopeKind::request,
        .verb = static_cast<std::uint16_t>(Verb::c2c_send),
        .key = keys_[side],
        .id = {.gateway = peers_[side].instance(), .boot = peers_[side].boot(), .number = number},
        .ttl_ms = 10'000};
    peers_[side].say({}, encode(header, body_));
    peers_[side].flush();
    ++asked_[side];
    const Instant limit = monotonic_now() + answer_limit;
    bool answered = false;
    std::string failure;
    while (!answered && failure.empty() && monotonic_now() < limit) {
      peers_.turn(10ms, -1, [&](std::size_t at, const Envelope& answer, auto&&...) {
        answered = at == side && answer.header.kind == EnvelopeKind::reply &&
                   answer.header.error == 0 && answer.header.id.number == number &&
                   answer.body == body_;
        if (!answered) failure = "an answer that is not what was asked";
      });
      if (failure.empty()) failure = peers_.failure();
    }
    return answered || !failure.empty() ? failure : "no answer";
  }

  const LoneLoad& load_;
  BusPeers peers_;
  const std::array<std::uint64_t, 2> keys_{key_of(0), key_of(1)};
  const std::string body_ = std::string(body_bytes, 'b');
  std::array<std::uint64_t, 2> asked_{};
  std::array<LatencyHistogram, 2> latencies_;
};

std::string run_clients(const BusAddress& address, const LoneLoad& load) {
  LoneClients clients(address, load);
  if (const std::string failure = clients.run(); !failure.empty()) return "clients: " + failure;
  return clients.result().dump();
}

}  // namespace

Result<std::array<Duration, 2>> lone_latencies(const BusAddress& address, const LoneLoad& load) {
  Child workers =
      Child::start([&](Child& parent) { return run_workers(address, load, parent); });
  if (const std::string line = workers.read_line(); line != "ready") return fail(Errc::io, line);
  Child clients = Child::start([&](Child&) { return run_clients(address, load); });
  const std::string line = clients.read_line();
  if (!line.starts_with('{'))
    return fail(Errc::io, line.empty() ? "the clients' process died" : line);
  const Json result = Json::parse(line);
  workers.write_line("stop");
  const std::string served = workers.read_line();
  if (served != result.at("asked").dump())
    return fail(Errc::io, "workers served " + served + " of " + result.at("asked").dump());
  return std::array<Duration, 2>{std::chrono::nanoseconds(result.at("p50_ns").at(0)),
                                 std::chrono::nanoseconds(result.at("p50_ns").at(1))};
}

}  // namespace parley::perf
