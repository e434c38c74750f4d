#include "perf/raw/bus_echo.h"

#include <charconv>
#include <nlohmann/json.hpp>
#include <vector>

#include "base/assert.h"
#include "perf/raw/bus_peers.h"
#include "proto/bytes.h"
#include "proto/limits.h"
#include "proto/verbs.h"

namespace parley::perf {
namespace {

using Json = nlohmann::json;

// Longer than a broker keeps a request before another worker gets it.
constexpr Duration settle_limit = 4s;
// Of an encoded envelope (bus/README.md).
constexpr std::size_t kind_at = 1;
constexpr std::size_t key_at = 8;
constexpr std::size_t number_at = 32;

// Sends everything back until it is told to stop, then says how much that was.
std::string run_workers(const BusAddress& address, const BusEchoLoad& load, Child& parent) {
  BusPeers workers(load.workers, {.endpoint = address.workers,
                               .name = "echo-worker",
                               .role = BusPeer::Role::worker,
                               .middle = load.middle,
                               .packing = load.packing,
                               .curve = address.of(&BusKeys::workers)});
  if (const std::string failure = workers.get_ready(); !failure.empty())
    return "workers: " + failure;
  parent.write_line("ready");
  std::uint64_t count = 0;
  std::string answer;
  const auto echo = [&](std::size_t i, const Envelope&, std::string_view bytes,
                        std::string_view route) {
    ++count;
    answer = bytes;
    answer[kind_at] = static_cast<char>(EnvelopeKind::reply);
    workers[i].say(route, answer);
  };
  while (!workers.turn(1s, parent.readable_fd(), echo)) continue;
  const std::string failure = workers.failure();
  return failure.empty() ? std::to_string(count) : "workers: " + failure;
}

// Each keeps `window` requests unanswered, numbered so that number % window is the place of its
// answer. A place is one key, so that each has one request in flight, as most conversations do.
class EchoClients {
 public:
  EchoClients(const BusAddress& address, const BusEchoLoad& load)
      : load_(load),
        window_(load.in_flight / load.clients),
        peers_(load.clients, {.endpoint = address.clients,
                              .name = "echo-client",
                              .role = BusPeer::Role::client,
                              .middle = load.middle,
                              .packing = load.packing,
                              .curve = address.of(&BusKeys::clients)}),
        awaited_(load.clients, std::vector<std::uint64_t>(window_)) {
    for (std::size_t i = 0; i < peers_.size(); ++i) {
      const EnvelopeHeader header{.verb = static_cast<std::uint16_t>(Verb::c2c_send),
                                  .id = {.gateway = peers_[i].instance(), .boot = peers_[i].boot()},
                                  .ttl_ms = 10'000};
      requests_.push_back(encode(header, std::string(load.body_bytes, 'b')));
    }
  }

  std::string run() {
    if (std::string failure = peers_.get_ready(); !failure.empty()) return failure;
    for (std::size_t i = 0; i < peers_.size(); ++i) {
      for (std::uint64_t place = 0; place < window_; ++place) ask(i, place + window_);
      peers_[i].flush();
    }
    turn_until(monotonic_now() + load_.warmup);
    const std::uint64_t before = answered_;
    turn_until(monotonic_now() + load_.length);
    measured_ = answered_ - before;
    asking_ = false;
    for (const Instant limit = monotonic_now() + settle_limit;
         answered_ < asked_ && failure_.empty() && monotonic_now() < limit;)
      turn(10ms);
    if (answered_ < asked_ && failure_.empty())
      failure_ = std::to_string(asked_ - answered_) + " answers are missing";
    return failure_;
  }

  std::uint64_t measured() const { return measured_; }
  std::uint64_t answered() const { return answered_; }

 private:
  void turn_until(Instant end) {
    while (monotonic_now() < end && failure_.empty()) turn(10ms);
  }

  void turn(Duration limit) {
    peers_.turn(limit, -1, [this](std::size_t i, const Envelope& envelope, auto&&...) {
      on_answer(i, envelope);
    });
    if (failure_.empty()) failure_ = peers_.failure();
  }

  void ask(std::size_t i, std::uint64_t number) {
    std::string& request = requests_[i];
    const std::uint64_t place = number % window_;
    awaited_[i][place] = number;
    store_at(request.data() + key_at, (i * window_ + place + 1) * 0x9E3779B97F4A7C15ULL);
    store_at(request.data() + number_at, number);
    store_at(request.data() + limits::envelope_header_bytes, number);
    peers_[i].say({}, request);
    ++asked_;
  }

  void on_answer(std::size_t i, const Envelope& answer) {
    const std::uint64_t number = answer.header.id.number;
    std::uint64_t& awaited = awaited_[i][number % window_];
    const std::string_view unchanged =
        std::string_view(requests_[i]).substr(limits::envelope_header_bytes + sizeof number);
    if (answer.header.kind != EnvelopeKind::reply || answer.header.error != 0) {
      failure_ = "refused with error " + std::to_string(answer.header.error);
    } else if (awaited != number) {
      failure_ = "an answer that nobody waits for";
    } else if (answer.body.size() != load_.body_bytes ||
               parley::load<std::uint64_t>(answer.body, 0) != number ||
               answer.body.substr(sizeof number) != unchanged) {
      failure_ = "an answer that is not what was asked";
    } else {
      awaited = 0;
      ++answered_;
      if (asking_) ask(i, number + window_);
    }
  }

  const BusEchoLoad& load_;
  std::uint64_t window_;
  BusPeers peers_;
  std::vector<std::string> requests_;  // the next of each client, changed in place
  std::vector<std::vector<std::uint64_t>> awaited_;  // by client and place; 0: nothing
  bool asking_ = true;
  std::uint64_t asked_ = 0;
  std::uint64_t answered_ = 0;
  std::uint64_t measured_ = 0;
  std::string failure_;
};

std::string run_clients(const BusAddress& address, const BusEchoLoad& load) {
  EchoClients clients(address, load);
  if (const std::string failure = clients.run(); !failure.empty()) return "clients: " + failure;
  return Json{{"measured", clients.measured()}, {"all", clients.answered()}}.dump();
}

std::string run_idle(const BusAddress& address, unsigned count, Child& parent) {
  BusPeers peers(count / 2, {.endpoint = address.clients, .name = "idle-gateway"});
  for (unsigned i = count / 2; i < count; ++i)
    peers.add({.endpoint = address.workers, .name = {}, .role = BusPeer::Role::worker},
              "idle-worker-" + std::to_string(i));
  if (const std::string failure = peers.get_ready(); !failure.empty()) return failure;
  parent.write_line("ready");
  while (!peers.turn(1s, parent.readable_fd(), [](auto&&...) {})) continue;
  return peers.failure();
}

}  // namespace

Result<BusEchoes> bus_echo(const BusAddress& address, const BusEchoLoad& load) {
  PARLEY_ASSERT(load.in_flight >= load.clients && load.body_bytes >= sizeof(std::uint64_t));
  Child workers = Child::start(
      [&](Child& parent) { return run_workers(address, load, parent); });
  if (const std::string line = workers.read_line(); line != "ready") return fail(Errc::io, line);
  Child clients = Child::start([&](Child&) { return run_clients(address, load); });
  const std::string line = clients.read_line();
  if (!line.starts_with('{'))
    return fail(Errc::io, line.empty() ? "the clients' process died" : line);
  const Json json = Json::parse(line);
  const BusEchoes echoes{.measured = json.at("measured"), .all = json.at("all")};
  workers.write_line("stop");
  const std::string served = workers.read_line();
  if (served != std::to_string(echoes.all))
    return fail(Errc::io, "workers served " + served + " of " + std::to_string(echoes.all));
  return echoes;
}

Result<std::unique_ptr<Child>> idle_peers(const BusAddress& address, unsigned count) {
  auto peers = std::make_unique<Child>(
      Child::start([&](Child& parent) { return run_idle(address, count, parent); }));
  if (const std::string line = peers->read_line(); line != "ready") return fail(Errc::io, line);
  return peers;
}

}  // namespace parley::perf
