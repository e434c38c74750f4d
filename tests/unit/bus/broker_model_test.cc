// Random histories against a broker, checked step by step. PARLEY_SEED repeats one, PARLEY_SEEDS sets how many.
// Properties:
//  - a request is answered only while it is open, so at most once, and never to a former life of its gateway
//  - when a request of a key is sent, every older open one of that key was sent to the same worker before
//  - a worker never holds more than its credit, and of open requests on their last attempt only one
//  - `internal` only after three attempts
//  - after healing everything is answered, nothing is held, all credit is back
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <map>
#include <optional>
#include <tuple>

#include "base/random.h"
#include "proto/limits.h"
#include "tests/unit/bus/broker_harness.h"

namespace parley::test {
namespace {

struct Open {
  std::uint64_t key = 0;
  std::uint64_t order = 0;
  std::string worker = {};  // identity of the one that it was sent to last
  std::uint64_t sends = 0;
  unsigned attempt = 0;
};

struct ModelWorker {
  std::string name;
  PeerKey key;
  std::uint32_t credit_messages = 0;
  std::size_t credit_bytes = 0;
  bool answers_pings = true;
  // Received and not answered, with bytes.
  std::vector<std::pair<RequestId, std::size_t>> held = {};

  std::size_t held_bytes() const {
    std::size_t sum = 0;
    for (const auto& [id, bytes] : held) sum += bytes;
    return sum;
  }
};

class Model {
 public:
  explicit Model(std::uint64_t seed)
      : random_(seed),
        broker_({.startup_grace = 0s, .queue_messages_max = 30, .held_messages_max = 80}, now_) {
    for (int i = 0; i < 2; ++i) register_gateway("g" + std::to_string(i));
    for (int i = 0; i < 3; ++i) start_worker("w" + std::to_string(i));
  }

  void step() {
    const std::uint64_t dice = random_.below(100);
    if (dice < 40) publish();
    else if (dice < 75) answer_something();
    else if (dice < 85) pass(100ms);
    else if (dice < 87) restart_worker("w" + std::to_string(random_.below(4)));
    else if (dice < 89) with_worker([&](ModelWorker& w) { broker_.on_unreachable(w.key, now_); });
    else if (dice < 90) with_worker([&](ModelWorker& w) { say(w.key, EnvelopeKind::drain); });
    else if (dice < 91) with_worker([&](ModelWorker& w) { say(w.key, EnvelopeKind::bye); });
    else if (dice < 92) with_worker([&](ModelWorker& w) { w.answers_pings = !w.answers_pings; });
    else if (dice < 95) publish_again();
    else if (dice < 96) restart_gateway();
    else if (dice < 97) now_ += random_.between(0s, 3s);  // the broker stands still
    else if (dice < 98) pass(random_.between(0s, 4s));
    else if (dice < 99) garbage();
    else broker_.on_disconnect_hint(now_);
    perform();
  }

  void heal_and_check() {
    for (auto& [identity, worker] : workers_) worker.answers_pings = true;
    start_worker("healer");
    perform();
    for (int i = 0; i < 400 && (!open_.empty() || anything_held()); ++i) {
      for (auto& [identity, worker] : workers_)
        while (!worker.held.empty()) answer(worker, 0);
      pass(100ms);
    }
    EXPECT_TRUE(open_.empty()) << open_.size() << " never answered";
    EXPECT_EQ(broker_.held(), 0U);
    EXPECT_EQ(broker_.held_bytes(), 0U);
    say({Side::gateways, "operator"}, EnvelopeKind::status);
    for (const auto& action : broker_.take_actions()) {
      wire::BrokerStatus status;
      const auto envelope = decode_envelope(action.bytes);
      if (envelope->header.kind != EnvelopeKind::status_reply) continue;
      EXPECT_TRUE(status.ParseFromString(std::string(envelope->body)));
      for (const auto& peer : status.peers()) EXPECT_EQ(peer.outstanding_messages(), 0U);
      for (const auto& service : status.services()) EXPECT_EQ(service.queued(), 0U);
    }
    EXPECT_GT(answered_, 0U);
  }

 private:
  void give(const PeerKey& from, const EnvelopeHeader& header, std::string_view body = {}) {
    broker_.on_message(from, anybody(from.side), encode(header, body), now_);
  }
  void say(const PeerKey& from, EnvelopeKind kind) { give(from, {.kind = kind}); }

  void register_gateway(const std::string& name) {
    const std::uint64_t boot = ++boots_;
    gateways_[name] = boot;
    wire::RegisterPeer body;
    body.set_role(wire::PEER_ROLE_GATEWAY);
    body.set_name(name);
    give({Side::gateways, name + std::to_string(boot)}, BrokerHarness::registration(name, boot),
         body.SerializeAsString());
    perform();
  }

  void restart_gateway() {
    const std::string name = "g" + std::to_string(random_.below(2));
    const std::uint64_t former = gateways_[name];
    std::erase_if(open_, [&](const auto& open) { return open.first.boot.value == former; });
    broker_.on_unreachable({Side::gateways, name + std::to_string(former)}, now_);
    register_gateway(name);
  }

  void start_worker(const std::string& name) {
    const std::uint64_t boot = ++boots_;
    ModelWorker worker{.name = name, .key = {Side::workers, name + "#" + std::to_string(boot)}};
    worker.credit_messages = static_cast<std::uint32_t>(1 + random_.below(8));
    worker.credit_bytes = 200 + random_.below(2'000);
    wire::RegisterPeer body;
    body.set_role(wire::PEER_ROLE_WORKER);
    body.set_name(name);
    body.add_services(static_cast<std::uint32_t>(ServiceId::c2c));
    body.set_credit_messages(worker.credit_messages);
    body.set_credit_bytes(static_cast<std::uint32_t>(worker.credit_bytes));
    const PeerKey key = worker.key;
    workers_[key.identity] = std::move(worker);
    give(key, BrokerHarness::registration(name, boot), body.SerializeAsString());
  }

  // Now and then its former life is still there.
  void restart_worker(const std::string& name) {
    if (random_.below(4) != 0) {
      for (const auto& [identity, worker] : workers_)
        if (worker.name == name) broker_.on_unreachable(worker.key, now_);
    }
    start_worker(name);
  }

  void publish() {
    const std::string name = "g" + std::to_string(random_.below(2));
    const RequestId id{instance_id(name), BootId{gateways_[name]}, ++numbers_};
    open_[id] = Open{.key = random_.below(6), .order = numbers_};
    give_request(id);
  }

  void publish_again() {
    if (open_.empty()) return;
    auto chosen = open_.begin();
    std::advance(chosen, static_cast<std::ptrdiff_t>(random_.below(open_.size())));
    give_request(chosen->first);
  }

  void give_request(const RequestId& id) {
    const std::string name = id.gateway == instance_id("g0") ? "g0" : "g1";
    give({Side::gateways, name + std::to_string(id.boot.value)},
         {.verb = verb_send,
          .key = open_.at(id).key,
          .id = id,
          .ttl_ms = static_cast<std::uint32_t>(500 + random_.below(9'000))},
         std::string(random_.below(20) == 0 ? 3'000 : random_.below(300), 'x'));
  }

  template <typename Do>
  void with_worker(Do act) {
    if (workers_.empty()) return;
    auto chosen = workers_.begin();
    std::advance(chosen, static_cast<std::ptrdiff_t>(random_.below(workers_.size())));
    act(chosen->second);
  }

  // Dead workers answer, too: their answers must be ignored.
  void answer_something() {
    with_worker([&](ModelWorker& worker) {
      if (!worker.held.empty()) answer(worker, random_.below(worker.held.size()));
    });
  }

  void answer(ModelWorker& worker, std::size_t index) {
    const RequestId id = worker.held[index].first;
    worker.held.erase(worker.held.begin() + static_cast<std::ptrdiff_t>(index));
    give(worker.key, {.kind = EnvelopeKind::reply, .id = id}, "ok");
    perform();
  }

  void garbage() {
    std::string bytes(random_.below(200), '\0');
    for (char& c : bytes) c = static_cast<char>(random_.next());
    if (!bytes.empty()) bytes[0] = 1;
    with_worker(
        [&](ModelWorker& w) { broker_.on_message(w.key, anybody(Side::workers), bytes, now_); });
  }

  void pass(Duration time) {
    for (const Instant end = now_ + time; now_ < end;) {
      now_ += 100ms;
      for (const auto& [name, boot] : gateways_)
        say({Side::gateways, name + std::to_string(boot)}, EnvelopeKind::pong);
      for (const auto& [identity, worker] : workers_)
        if (worker.answers_pings) say(worker.key, EnvelopeKind::pong);
      broker_.on_tick(now_);
      perform();
    }
  }

  bool anything_held() const { return broker_.held() > 0; }

  void perform() {
    for (const auto& action : broker_.take_actions()) {
      const auto envelope = decode_envelope(action.bytes);
      const EnvelopeHeader& header = envelope->header;
      if (header.kind == EnvelopeKind::request) check_request(action);
      else if (header.kind == EnvelopeKind::reply) check_reply(action.to, header);
    }
    for (const auto& event : broker_.take_events()) (void)event;
  }

  void check_request(const BrokerAction& action) {
    const EnvelopeHeader header = decode_envelope(action.bytes)->header;
    ModelWorker& worker = workers_.at(action.to.identity);
    worker.held.emplace_back(header.id, action.bytes.size());
    EXPECT_LE(worker.held.size(), worker.credit_messages);
    EXPECT_TRUE(worker.held_bytes() <= worker.credit_bytes || worker.held.size() == 1);

    const auto open = open_.find(header.id);
    if (open == open_.end()) return;  // of a gateway's former life
    open->second.worker = action.to.identity;
    open->second.attempt = header.attempt;
    open->second.sends = ++sends_;
    std::size_t last_attempts = 0;
    for (const auto& [id, other] : open_) {
      const bool is_here = other.worker == action.to.identity;
      last_attempts += is_here && other.attempt == limits::attempts_max ? 1 : 0;
      const bool is_older = other.key == open->second.key && other.order < open->second.order;
      if (!is_older) continue;
      EXPECT_TRUE(is_here) << "an older request of the key is elsewhere";
      EXPECT_LT(other.sends, open->second.sends);
    }
    EXPECT_LE(last_attempts, 1U);
  }

  void check_reply(const PeerKey& to, const EnvelopeHeader& header) {
    const std::string name = header.id.gateway == instance_id("g0") ? "g0" : "g1";
    EXPECT_EQ(to.identity, name + std::to_string(gateways_[name]));
    const auto open = open_.find(header.id);
    ASSERT_NE(open, open_.end()) << "answered twice";
    const bool parked = static_cast<Errc>(header.error) == Errc::internal;
    EXPECT_TRUE(!parked || open->second.attempt == limits::attempts_max);
    if (header.error == 0) ++answered_;
    open_.erase(open);
  }

  struct ById {
    bool operator()(const RequestId& a, const RequestId& b) const {
      return std::tuple(a.gateway.value, a.boot.value, a.number) <
             std::tuple(b.gateway.value, b.boot.value, b.number);
    }
  };

  Random random_;
  Instant now_{std::chrono::hours(1)};
  Broker broker_;
  std::map<std::string, std::uint64_t> gateways_;  // name → boot
  std::map<std::string, ModelWorker> workers_;     // by identity, the dead included
  std::map<RequestId, Open, ById> open_;
  std::uint64_t boots_ = 0;
  std::uint64_t numbers_ = 0;
  std::uint64_t sends_ = 0;
  std::uint64_t answered_ = 0;
};

std::optional<std::uint64_t> number_from(const char* variable) {
  const char* text = std::getenv(variable);
  if (text == nullptr) return std::nullopt;
  std::uint64_t value = 0;
  std::from_chars(text, text + std::strlen(text), value);
  return value;
}

TEST(BrokerModel, KeepsItsPromisesInRandomHistories) {
  const auto one = number_from("PARLEY_SEED");
  const std::uint64_t first = one.value_or(1);
  const std::uint64_t count = one ? 1 : number_from("PARLEY_SEEDS").value_or(60);
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    SCOPED_TRACE("PARLEY_SEED=" + std::to_string(seed));
    Model model(seed);
    for (int i = 0; i < 3'000; ++i) model.step();
    model.heal_and_check();
    if (testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace parley::test
