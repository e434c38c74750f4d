#include "tests/integration/bus/bad_input/besieged_broker.h"

#include <fcntl.h>
#include <unistd.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "bus/key_list.h"
#include "cli/data_directory.h"
#include "tests/support/eventually.h"
#include "tests/support/program.h"
#include "tests/support/scrape.h"

namespace parley::test {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t files_growth_max = 3;

void write_secret(const std::string& path, const std::string& text) {
  std::ofstream(path + ".new") << text;
  fs::permissions(path + ".new", fs::perms::owner_read | fs::perms::owner_write);
  fs::rename(path + ".new", path);
}

std::vector<nlohmann::json> lines_with(const std::string& log, const std::string& field,
                                       const std::string& value) {
  std::vector<nlohmann::json> found;
  std::istringstream lines(log);
  for (std::string line; std::getline(lines, line);) {
    auto json = nlohmann::json::parse(line, nullptr, false);
    if (json.is_object() && json.value(field, "") == value) found.push_back(std::move(json));
  }
  return found;
}

std::unique_ptr<BesiegedBroker>& the_broker() {
  static std::unique_ptr<BesiegedBroker> broker;
  return broker;
}

}  // namespace

BesiegedBroker::BesiegedBroker() {
  for (const Side side : {Side::gateways, Side::workers})
    files_[index(side)] =
        "ipc://" + dir_.path() + (side == Side::workers ? "/workers" : "/gateways");
  write_secret(dir_.path() + "/broker.key", print_key_pair(own_));
  write_list({gateway_keys, worker_keys, business_keys});
  const int output =
      open((dir_.path() + "/log").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  auto started = Process::start(
      {.arguments = {path_of_program("parley-broker")},
       .environment = {"PARLEY_BROKER_NAME=besieged",
                       "PARLEY_BROKER_GATEWAYS=" + files_[0] + ",tcp://127.0.0.1:*",
                       "PARLEY_BROKER_WORKERS=" + files_[1] + ",tcp://127.0.0.1:*",
                       "PARLEY_BROKER_KEY_FILE=" + dir_.path() + "/broker.key",
                       "PARLEY_BROKER_ALLOWED_KEYS=" + dir_.path() + "/allowed",
                       "PARLEY_BROKER_PEERS=40", "PARLEY_BROKER_GATEWAY_MESSAGES=1000",
                       "PARLEY_METRICS_LISTEN=127.0.0.1:0"},
       .directory = dir_.path()},
      {.output = output});
  close(output);
  if (!started) {
    ADD_FAILURE() << started.error().detail;
    return;
  }
  process_.emplace(std::move(*started));
  wait_ready();
}

BesiegedBroker::~BesiegedBroker() {
  if (!process_) return;
  process_->signal(SIGTERM);
  EXPECT_TRUE(eventually(15s, [&] { return process_->poll_exit().has_value(); }));
  EXPECT_TRUE(process_->poll_exit().value_or(Exit{-1, 0}).ok());
  EXPECT_THAT(lines_with(log(), "level", "error"), testing::IsEmpty());
}

void BesiegedBroker::wait_ready() {
  const bool ready =
      eventually(10s, [&] { return log().find("broker.ready") != std::string::npos; });
  ASSERT_TRUE(ready) << log();
  metrics_ = metrics_address(log()).value_or("");
  for (const auto& line : lines_with(log(), "event", "broker.listening")) {
    const std::string endpoint = line.value("endpoint", "");
    if (endpoint.starts_with("tcp://")) (tcp_[0].empty() ? tcp_[0] : tcp_[1]) = endpoint;
  }
  ASSERT_FALSE(tcp_[1].empty()) << log();
}

void BesiegedBroker::write_list(const std::vector<CurveKeyPair>& keys) {
  std::string list =
      with_entry({}, {Role::business, "restless", restless_keys.public_key});
  for (const CurveKeyPair& pair : keys) {
    const KeyEntry entry = pair == gateway_keys  ? KeyEntry{Role::gateway, "gateway-*", {}}
                           : pair == worker_keys ? KeyEntry{Role::worker, "worker-*", {}}
                                                 : KeyEntry{Role::business, "hr", {}};
    list = with_entry(list, {entry.role, entry.names, pair.public_key});
  }
  write_secret(dir_.path() + "/allowed", list);
}

void BesiegedBroker::allow(const std::vector<CurveKeyPair>& keys) {
  const auto taken = [&] { return lines_with(log(), "event", "broker.key_list_taken").size(); };
  const std::size_t before = taken();
  write_list(keys);
  process_->signal(SIGHUP);
  EXPECT_TRUE(eventually(5s, [&] { return taken() > before; })) << log();
}

RawPeer::Options BesiegedBroker::with(const CurveKeyPair& keys) const {
  return {.curve = CurveClient{own_.public_key, keys}};
}

double BesiegedBroker::counter(const std::string& name) const {
  const auto value = scrape(metrics_, "parley_broker_" + name + "_total");
  EXPECT_TRUE(value) << name;
  return value.value_or(0);
}

void BesiegedBroker::settle() const {
  const Instant end = monotonic_now() + 250ms;
  eventually(1s, [&] { return monotonic_now() >= end; });
}

std::string BesiegedBroker::log() const { return read_file(dir_.path() + "/log").value_or(""); }

bool BesiegedBroker::lives() { return process_ && !process_->poll_exit(); }

std::size_t BesiegedBroker::memory() const {
  std::ifstream file("/proc/" + std::to_string(process_->pid()) + "/statm");
  std::size_t all = 0;
  std::size_t resident = 0;
  file >> all >> resident;
  return resident * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

std::optional<std::size_t> BesiegedBroker::open_files() const {
  std::error_code refused;
  const fs::directory_iterator files("/proc/" + std::to_string(process_->pid()) + "/fd", refused);
  if (refused) return std::nullopt;
  return static_cast<std::size_t>(std::distance(begin(files), end(files)));
}

// -- the tests' frame

BesiegedBroker& BadInput::broker() {
  if (!the_broker()) the_broker() = std::make_unique<BesiegedBroker>();
  return *the_broker();
}

void BadInput::TearDownTestSuite() { the_broker().reset(); }

void BadInput::SetUp() {
  ASSERT_TRUE(broker().lives());
  // The first exchange makes what every later one finds.
  TearDown();
  broker().settle();
  log_from_ = broker().log().size();
  memory_before_ = broker().memory();
  files_before_ = broker().open_files();
}

void BadInput::must_count(const std::string& counter, double least) {
  counters_.push_back({counter, broker().counter(counter), least});
}

void BadInput::must_log(const std::string& event, const std::string& about,
                        const std::string& key) {
  audits_.push_back({event, about, std::string(key.empty() ? "" : fingerprint(key))});
}

bool BadInput::is_logged(const Audit& audit) {
  const auto is_it = [&audit](const nlohmann::json& line) {
    return (audit.about.empty() || line.value("peer", "") == audit.about) &&
           (audit.key.empty() || line.value("key", "") == audit.key);
  };
  const std::string log = broker().log().substr(log_from_);
  return std::ranges::any_of(lines_with(log, "event", audit.event), is_it);
}

void BadInput::TearDown() {
  for (const Expected& expected : counters_)
    EXPECT_TRUE(eventually(
        5s, [&] { return broker().counter(expected.counter) >= expected.from + expected.least; }))
        << expected.counter << " has grown by "
        << broker().counter(expected.counter) - expected.from;
  for (const Audit& audit : audits_)
    EXPECT_TRUE(eventually(2s, [&] { return is_logged(audit); }))
        << audit.event << " of " << audit.about << " " << audit.key << " is not in the log";
  ASSERT_TRUE(broker().lives()) << broker().log();
  expect_service("ipc", broker().files(Side::gateways), broker().files(Side::workers), {}, {});
  expect_service("curve", broker().tcp(Side::gateways), broker().tcp(Side::workers),
                 broker().with(broker().gateway_keys), broker().with(broker().worker_keys));
  if (memory_before_ == 0) return;
  EXPECT_LE(broker().memory(), memory_before_ + memory_growth_max);
  if (!files_before_) return;
  EXPECT_TRUE(
      eventually(10s, [&] { return *broker().open_files() <= *files_before_ + files_growth_max; }))
      << *files_before_ << " files were open, now " << *broker().open_files();
}

void BadInput::expect_service(const std::string& where, const std::string& gateways,
                              const std::string& workers, const RawPeer::Options& as_gateway,
                              const RawPeer::Options& as_worker) {
  SCOPED_TRACE(where);
  RawPeer gateway(gateways, as_gateway);
  RawPeer worker(workers, as_worker);
  const std::uint64_t boot = secure_random_id();
  const Registration asker = gateway_named("gateway-healthy-" + where, boot);
  ASSERT_TRUE(worker.is_registered_as(worker_named("worker-healthy-" + where, boot)));
  ASSERT_TRUE(gateway.is_registered_as(asker));
  expect_exchange(gateway, asker, worker);
  EXPECT_TRUE(gateway.say(EnvelopeKind::bye));
  EXPECT_TRUE(worker.say(EnvelopeKind::bye));
}

void BadInput::expect_exchange(RawPeer& gateway, const Registration& asker, RawPeer& worker,
                               std::uint64_t number) {
  const EnvelopeHeader question = request_of(asker, number);
  ASSERT_TRUE(gateway.send(question, "question"));
  auto asked = worker.expect(EnvelopeKind::request);
  // Attackers may have left questions for whoever serves next.
  for (; asked && asked->header.id != question.id; asked = worker.expect(EnvelopeKind::request))
    ASSERT_TRUE(worker.send({.kind = EnvelopeKind::reply, .id = asked->header.id}, "answer"));
  ASSERT_TRUE(asked) << "the worker was not asked";
  EXPECT_EQ(asked->header.id, question.id);
  EXPECT_EQ(asked->body, "question");
  ASSERT_TRUE(worker.send({.kind = EnvelopeKind::reply, .id = question.id}, "answer"));
  const auto answer = gateway.expect(EnvelopeKind::reply);
  ASSERT_TRUE(answer) << "the gateway has no answer";
  EXPECT_EQ(answer->header.id, question.id);
  EXPECT_EQ(answer->header.error, 0);
  EXPECT_EQ(answer->body, "answer");
}

}  // namespace parley::test
