// Workers and brokers die, hang and drain under load: nothing is lost, nothing is answered twice, a key's order
// holds. Brokers are real processes here.
#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <set>

#include "bus/batch.h"
#include "bus/zmq_socket.h"
#include "cli/spawn.h"
#include "proto/bus.pb.h"
#include "tests/integration/bus/rig.h"

namespace parley::test {
namespace {

class BrokerChild {
 public:
  BrokerChild(const Rig& rig, const std::string& name)
      : log_(rig.dir.path() + "/" + name + ".log") {
    const int output = ::open(log_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    auto started = Process::start(
        {.arguments = {std::string(std::getenv("PARLEY_TEST_BIN")) + "/parley-broker"},
         .environment = {"PARLEY_BROKER_NAME=" + name,
                         "PARLEY_BROKER_GATEWAYS=" + rig.gateway_endpoint(name),
                         "PARLEY_BROKER_WORKERS=" + rig.worker_endpoint(name)}},
        {.output = output});
    ::close(output);
    EXPECT_TRUE(started.has_value()) << started.error().detail;
    process_.emplace(*std::move(started));
  }
  void signal(int number) { process_->signal(number); }
  // How it ended, waiting for it.
  Exit wait() {
    std::optional<Exit> exit;
    EXPECT_TRUE(eventually(15s, [&] { return (exit = process_->poll_exit()).has_value(); }));
    return exit.value_or(Exit{.code = -1});
  }
  std::optional<Exit> poll() { return process_->poll_exit(); }
  std::string log() const {
    std::ifstream file(log_);
    return {std::istreambuf_iterator<char>(file), {}};
  }

 private:
  std::string log_;
  std::optional<Process> process_;
};

// A gateway that keeps `window` requests unanswered, and the checks on what became of them.
struct Load {
  Load(Rig& rig, const std::vector<std::string>& brokers, std::uint64_t window_in)
      : window(window_in), gateway(rig.loop, rig.metrics, "gateway-1", brokers),
        pump(rig.loop, [this] { fill(); }) {
    pump.every(1ms);
  }
  void fill() {
    while (!stopped && gateway.publisher.pending() < window) {
      ++asked;
      gateway.ask(asked % 50, std::to_string(asked % 50) + "/" + std::to_string(asked));
    }
  }
  bool finished() {
    stopped = true;
    return gateway.publisher.pending() == 0;
  }
  void expect_all_answered_once() const {
    EXPECT_EQ(gateway.answers.size(), asked);
    for (const auto& [number, times] : gateway.answers) EXPECT_EQ(times, 1) << number;
    EXPECT_TRUE(gateway.errors.empty()) << gateway.errors.size() << " errors, the first "
                                        << name_of(gateway.errors.front());
  }

  std::uint64_t window;
  std::uint64_t asked = 0;
  bool stopped = false;
  Asker gateway;
  Timer pump;
};

// Whether each key's requests were first executed in order, over all workers. `log`: in order of execution.
void expect_key_order(const std::vector<EnvelopeHeader>& log) {
  std::set<std::uint64_t> executed;
  std::map<std::uint64_t, std::uint64_t> last;
  for (const EnvelopeHeader& header : log) {
    if (!executed.insert(header.id.number).second) continue;
    EXPECT_GT(header.id.number, last[header.key]) << "key " << header.key;
    last[header.key] = header.id.number;
  }
}

TEST(WorkerDeath, IsNoticedAtOnceAndItsRequestsGoToAnother) {
  Rig rig;
  const auto broker = rig.start_broker("b1");
  auto first = std::make_unique<EchoWorker>(rig.loop, rig.metrics, "worker-1",
                                            std::vector{rig.worker_endpoint("b1")});
  first->holds = true;
  Asker gateway(rig.loop, rig.metrics, "gateway-1", {rig.gateway_endpoint("b1")});
  for (std::uint64_t i = 0; i < 200; ++i) gateway.ask(i % 5, "x");
  ASSERT_TRUE(run_until(rig.loop, 5s, [&] { return first->held.size() == 200; }));

  EchoWorker second(rig.loop, rig.metrics, "worker-2", {rig.worker_endpoint("b1")});
  ASSERT_TRUE(run_until(rig.loop, 5s, [&] { return second.consumer.healthy(); }));
  // Just heard, it would not be pinged for another half second.
  first->consumer.deliver(instance_id("nobody"), 1, "x");
  ASSERT_TRUE(run_until(rig.loop, 5s, [&] { return first->unreachable.size() == 1; }));
  first.reset();  // no drain, no goodbye: as if it had been killed
  const Instant died = monotonic_now();
  ASSERT_TRUE(run_until(rig.loop, 10s, [&] { return gateway.publisher.pending() == 0; }));
  EXPECT_LT(monotonic_now() - died, 400ms * slowness())
      << "noticed by its connection, not by its silence";
  EXPECT_TRUE(gateway.errors.empty());
  expect_key_order(second.seen);
  for (const EnvelopeHeader& header : second.seen) EXPECT_EQ(header.attempt, 2);
}

TEST(WorkerDeath, DoesNotTakeBackTheAnswersThatItSentBefore) {
  Rig rig;
  const auto broker = rig.start_broker("b1");
  Asker gateway(rig.loop, rig.metrics, "gateway-1", {rig.gateway_endpoint("b1")});
  ZmqContext context;
  auto worker = std::make_optional(ZmqSocket::dealer(context, {.identity = "worker"}));
  ASSERT_TRUE(worker->connect(rig.worker_endpoint("b1")).has_value());
  wire::RegisterPeer body;
  body.set_role(wire::PEER_ROLE_WORKER);
  body.set_name("worker-1");
  body.add_services(static_cast<std::uint32_t>(ServiceId::c2c));
  body.set_credit_messages(1'000);
  body.set_credit_bytes(1 << 20);
  const std::string hello = encode({.kind = EnvelopeKind::register_peer,
                                    .id = {.gateway = instance_id("worker-1"), .boot = BootId{1}}},
                                   body.SerializeAsString());
  ASSERT_TRUE(eventually(5s, [&] { return worker->send(hello) == SendStatus::sent; }));
  for (std::uint64_t i = 0; i < 500; ++i) gateway.ask(i, "x");
  std::vector<RequestId> received;
  ZmqMessage message;
  ASSERT_TRUE(run_until(rig.loop, 5s, [&] {
    while (worker->receive(message)) {
      unpack(message.bytes, [&](std::string_view bytes) {
        const auto envelope = decode_envelope(bytes);
        if (envelope->header.kind == EnvelopeKind::request) received.push_back(envelope->header.id);
      });
    }
    return received.size() == 500;
  }));
  // The broker does not turn while the answers come in and the connection ends behind them.
  for (const RequestId& id : received)
    ASSERT_EQ(worker->send(encode({.kind = EnvelopeKind::reply, .id = id}, "x")), SendStatus::sent);
  worker->set_linger(1s);
  worker.reset();
  EXPECT_TRUE(run_until(rig.loop, 3s, [&] { return gateway.publisher.pending() == 0; }))
      << gateway.publisher.pending();
}

TEST(WorkerDeath, ItsNextLifeIsRegisteredAtOnceUnderTheSameName) {
  Rig rig;
  const auto broker = rig.start_broker("b1");
  const std::vector brokers{rig.worker_endpoint("b1")};
  auto worker = std::make_unique<EchoWorker>(rig.loop, rig.metrics, "worker-1", brokers);
  Asker gateway(rig.loop, rig.metrics, "gateway-1", {rig.gateway_endpoint("b1")});
  for (std::uint64_t life = 1; life <= 5; ++life) {
    worker->holds = true;
    const std::uint64_t number = gateway.ask(life, "x");
    ASSERT_TRUE(run_until(rig.loop, 5s, [&] { return worker->held.size() == 1; }));
    worker.reset();  // no drain, no goodbye: as if it had been killed
    const Instant died = monotonic_now();
    worker = std::make_unique<EchoWorker>(rig.loop, rig.metrics, "worker-1", brokers);
    ASSERT_TRUE(run_until(rig.loop, 5s, [&] { return gateway.answers.contains(number); }));
    EXPECT_LT(monotonic_now() - died, 700ms * slowness()) << "long before silence is judged";
  }
  EXPECT_TRUE(gateway.errors.empty());
}

TEST(WorkerDeath, AnotherProcessOfTheSameNameWaitsForIt) {
  Rig rig;
  const auto broker = rig.start_broker("b1");
  const std::vector brokers{rig.worker_endpoint("b1")};
  auto first = std::make_unique<EchoWorker>(rig.loop, rig.metrics, "worker-1", brokers);
  Asker gateway(rig.loop, rig.metrics, "gateway-1", {rig.gateway_endpoint("b1")});
  gateway.ask(1, "x");
  ASSERT_TRUE(run_until(rig.loop, 5s, [&] { return gateway.answers.size() == 1; }));
  EchoWorker second(rig.loop, rig.metrics, "worker-1", brokers);
  const Instant came = monotonic_now();
  ASSERT_TRUE(run_until(rig.loop, 5s, [&] {
    if (gateway.publisher.pending() == 0) gateway.ask(gateway.answers.size(), "x");
    return monotonic_now() - came > 2s;
  }));
  EXPECT_TRUE(first->consumer.healthy());
  EXPECT_TRUE(second.seen.empty());
  for (const EnvelopeHeader& header : first->seen) EXPECT_EQ(header.attempt, 1);
  first.reset();
  EXPECT_TRUE(run_until(rig.loop, 5s, [&] { return second.consumer.healthy(); }));
}

TEST(WorkerHang, LooksDeadAndItsLateAnswersGoNowhere) {
  Rig rig;
  const auto broker = rig.start_broker("b1");
  EchoWorker hung(rig.loop, rig.metrics, "worker-1", {rig.worker_endpoint("b1")});
  hung.holds = true;
  Asker gateway(rig.loop, rig.metrics, "gateway-1", {rig.gateway_endpoint("b1")});
  for (std::uint64_t i = 0; i < 20; ++i) gateway.ask(i, "x");
  ASSERT_TRUE(run_until(rig.loop, 5s, [&] { return hung.held.size() == 20; }));
  hung.alive = false;

  EchoWorker other(rig.loop, rig.metrics, "worker-2", {rig.worker_endpoint("b1")});
  ASSERT_TRUE(run_until(rig.loop, 5s, [&] { return gateway.publisher.pending() == 0; }));
  EXPECT_EQ(other.seen.size(), 20U);

  for (std::size_t i = 0; i < 10; ++i) hung.answer(hung.held[i]);
  // It finds out that it was given up, and stays away as long as it hangs.
  ASSERT_TRUE(run_until(rig.loop, 5s, [&] { return !hung.consumer.healthy(); }));
  const Instant given_up = monotonic_now();
  ASSERT_TRUE(run_until(rig.loop, 5s, [&] {
    if (gateway.publisher.pending() == 0) gateway.ask(gateway.answers.size(), "z");
    return monotonic_now() - given_up > 1s;
  }));
  EXPECT_EQ(hung.seen.size(), 20U);
  EXPECT_FALSE(hung.consumer.healthy());

  hung.alive = true;
  hung.holds = false;
  // It registers again, and works.
  ASSERT_TRUE(run_until(rig.loop, 5s, [&] {
    gateway.ask(hung.seen.size() + gateway.answers.size(), "y");
    return hung.seen.size() > 20;
  }));
  for (std::size_t i = 10; i < 20; ++i) hung.answer(hung.held[i]);  // of its former connection
  ASSERT_TRUE(run_until(rig.loop, 5s, [&] { return gateway.publisher.pending() == 0; }));
  for (const auto& [number, times] : gateway.answers) EXPECT_EQ(times, 1) << number;
  EXPECT_TRUE(gateway.errors.empty());
  // They count for nothing, so it knows that it has answered everything.
  bool drained = false;
  hung.consumer.drain(30s, [&] { drained = true; });
  EXPECT_TRUE(run_until(rig.loop, 5s, [&] { return drained; }));
}

TEST(WorkerDrain, AnswersWhatItHoldsAndLosesNothing) {
  Rig rig;
  const auto broker = rig.start_broker("b1");
  const std::vector brokers{rig.worker_endpoint("b1")};
  EchoWorker leaving(rig.loop, rig.metrics, "worker-1", brokers);
  EchoWorker staying(rig.loop, rig.metrics, "worker-2", brokers);
  Load load(rig, {rig.gateway_endpoint("b1")}, 100);
  ASSERT_TRUE(run_until(rig.loop, 5s, [&] { return leaving.seen.size() > 500; }));
  bool drained = false;
  leaving.consumer.drain(5s, [&] { drained = true; });
  ASSERT_TRUE(run_until(rig.loop, 5s, [&] { return drained; }));
  const std::size_t seen_by_leaving = leaving.seen.size();
  const std::size_t seen_by_staying = staying.seen.size();
  ASSERT_TRUE(run_until(rig.loop, 5s, [&] { return staying.seen.size() > seen_by_staying + 500; }));
  ASSERT_TRUE(run_until(rig.loop, 10s, [&] { return load.finished(); }));
  load.expect_all_answered_once();
  EXPECT_EQ(leaving.seen.size(), seen_by_leaving);
}

TEST(WorkerDrain, AlsoHoldsForABrokerThatAppearsMeanwhile) {
  Rig rig;
  const auto first = rig.start_broker("b1");
  EchoWorker worker(rig.loop, rig.metrics, "worker-1",
                    {rig.worker_endpoint("b1"), rig.worker_endpoint("b2")});
  worker.holds = true;
  Asker gateway(rig.loop, rig.metrics, "gateway-1", {rig.gateway_endpoint("b1")});
  gateway.ask(1, "x");
  ASSERT_TRUE(run_until(rig.loop, 5s, [&] { return worker.held.size() == 1; }));
  worker.consumer.drain(30s, [] {});

  const auto second = rig.start_broker("b2");
  Asker other(rig.loop, rig.metrics, "gateway-2", {rig.gateway_endpoint("b2")}, 2500ms);
  // By then the worker has connected (ZeroMQ tries every second at least), and the fresh broker still
  // hopes for one (startup_grace).
  const std::uint64_t number = other.ask(2, "y");
  ASSERT_TRUE(run_until(rig.loop, 10s, [&] { return other.answers.contains(number); }));
  EXPECT_EQ(other.errors, std::vector{Errc::retry_later});
  EXPECT_EQ(worker.seen.size(), 1U);
}

TEST(NoWorker, EndsInRetryLaterAtTheDeadline) {
  Rig rig;
  const auto broker = rig.start_broker("b1");
  Asker gateway(rig.loop, rig.metrics, "gateway-1", {rig.gateway_endpoint("b1")}, 400ms);
  gateway.ask(1, "x");
  ASSERT_TRUE(run_until(rig.loop, 5s, [&] { return gateway.answers.size() == 1; }));
  EXPECT_EQ(gateway.errors, std::vector{Errc::retry_later});
}

struct TwoBrokers : testing::Test {
  Rig rig;
  std::vector<std::unique_ptr<BrokerChild>> brokers;
  std::vector<EnvelopeHeader> executed;
  std::vector<std::unique_ptr<EchoWorker>> workers;

  static std::string name(std::size_t i) { return "b" + std::to_string(i + 1); }
  std::vector<std::string> gateway_side() const {
    return {rig.gateway_endpoint(name(0)), rig.gateway_endpoint(name(1))};
  }
  void start(std::size_t i) {
    brokers.resize(2);
    brokers[i] = std::make_unique<BrokerChild>(rig, name(i));
  }
  void start_all() {
    for (std::size_t i = 0; i < 2; ++i) start(i);
    for (int i = 0; i < 3; ++i) {
      workers.push_back(std::make_unique<EchoWorker>(
          rig.loop, rig.metrics, "worker-" + std::to_string(i + 1),
          std::vector{rig.worker_endpoint(name(0)), rig.worker_endpoint(name(1))}));
      workers.back()->log = &executed;
    }
  }
  bool pass(Load& load, std::uint64_t requests) {
    const std::uint64_t goal = load.gateway.answers.size() + requests;
    return run_until(rig.loop, 20s, [&] { return load.gateway.answers.size() >= goal; });
  }
};

TEST_F(TwoBrokers, KilledInTurnUnderLoadLoseNothing) {
  start_all();
  Load load(rig, gateway_side(), 200);
  for (std::size_t round = 0; round < 6; ++round) {
    const std::size_t victim = round % 2;
    ASSERT_TRUE(pass(load, 2'000));
    brokers[victim]->signal(SIGKILL);
    brokers[victim]->wait();
    ASSERT_TRUE(pass(load, 2'000)) << "the other carries on";
    start(victim);
    // Both are needed again before the next one dies.
    const auto is_ready = [&] {
      return brokers[victim]->log().find("\"peer\":\"gateway-1\"") != std::string::npos &&
             std::ranges::all_of(workers, [](const auto& w) { return w->consumer.healthy(); });
    };
    ASSERT_TRUE(run_until(rig.loop, 10s, is_ready));
  }
  ASSERT_TRUE(run_until(rig.loop, 20s, [&] { return load.finished(); }));
  load.expect_all_answered_once();
  expect_key_order(executed);
}

TEST_F(TwoBrokers, BothKilledAtOnceAreAwaited) {
  start_all();
  Load load(rig, gateway_side(), 100);
  ASSERT_TRUE(pass(load, 1'000));
  ASSERT_TRUE(run_until(rig.loop, 10s, [&] { return load.gateway.connects == 2; }));
  for (std::size_t i = 0; i < 2; ++i) brokers[i]->signal(SIGKILL);
  for (std::size_t i = 0; i < 2; ++i) brokers[i]->wait();
  for (std::size_t i = 0; i < 2; ++i) start(i);
  ASSERT_TRUE(pass(load, 1'000));
  ASSERT_TRUE(run_until(rig.loop, 20s, [&] { return load.finished(); }));
  load.expect_all_answered_once();
  expect_key_order(executed);
  // Each tells, before its death and after, that routes may have to be reported again.
  EXPECT_TRUE(run_until(rig.loop, 10s, [&] { return load.gateway.connects == 4; }))
      << load.gateway.connects;
}

TEST_F(TwoBrokers, OneStoppedForAWhileIsLeftAndComesBack) {
  start_all();
  Load load(rig, gateway_side(), 100);
  ASSERT_TRUE(pass(load, 1'000));
  brokers[0]->signal(SIGSTOP);
  const Instant stopped = monotonic_now();
  ASSERT_TRUE(pass(load, 2'000));
  EXPECT_LT(monotonic_now() - stopped, 4s * slowness());
  ASSERT_TRUE(run_until(rig.loop, 5s, [&] { return monotonic_now() - stopped > 2s; }));
  brokers[0]->signal(SIGCONT);
  ASSERT_TRUE(pass(load, 2'000));
  ASSERT_TRUE(run_until(rig.loop, 20s, [&] { return load.finished(); }));
  load.expect_all_answered_once();
}

TEST_F(TwoBrokers, OneThatIsAskedToStopDrainsWithoutAnError) {
  start_all();
  Load load(rig, gateway_side(), 200);
  for (std::size_t round = 0; round < 4; ++round) {
    ASSERT_TRUE(pass(load, 2'000));
    brokers[round % 2]->signal(SIGTERM);
    std::optional<Exit> exit;
    const Instant asked = monotonic_now();
    ASSERT_TRUE(run_until(rig.loop, 10s, [&] {
      if (!exit) exit = brokers[round % 2]->poll();
      return exit.has_value();
    }));
    EXPECT_TRUE(exit->ok()) << describe(*exit) << brokers[round % 2]->log();
    EXPECT_LT(monotonic_now() - asked, 3s * slowness()) << "it holds nothing for long";
    start(round % 2);
  }
  ASSERT_TRUE(run_until(rig.loop, 20s, [&] { return load.finished(); }));
  load.expect_all_answered_once();
  expect_key_order(executed);
}

TEST_F(TwoBrokers, OnOneAddressAreRefusedWithOneClearLine) {
  start(0);
  ASSERT_TRUE(run_until(rig.loop, 5s, [&] {
    return brokers[0]->log().find("broker.ready") != std::string::npos;
  }));
  BrokerChild second(rig, name(0));
  const Exit exit = second.wait();
  EXPECT_EQ(exit.code, 1);
  EXPECT_NE(second.log().find("Address already in use"), std::string::npos);
}

}  // namespace
}  // namespace parley::test
