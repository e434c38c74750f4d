#include "tests/support/cluster.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <hiredis/hiredis.h>
#include <libpq-fe.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <functional>
#include <future>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "base/assert.h"
#include "base/random.h"
#include "bus/admin_client.h"
#include "cli/bus_keys.h"
#include "cli/family.h"
#include "cli/log_file.h"
#include "cli/status_report.h"
#include "tests/support/cluster_links.h"
#include "tests/support/eventually.h"
#include "tests/support/scrape.h"

namespace parley::test {
namespace {

namespace fs = std::filesystem;

constexpr const char* directory_prefix = "parley-cluster-";
constexpr Duration server_limit = 60s;
constexpr Duration stop_limit = 25s;
constexpr Duration abandoned_after = 10min;

// Children die with the thread that started them, so that thread must live as long as the Cluster,
// whichever thread of the test asks.
class Starter {
 public:
  Starter() : thread_([this] { work(); }) {}
  ~Starter() {
    run([this] { done_ = true; });
    thread_.join();
  }
  void run(const std::function<void()>& task) {
    // Shared: set_value may still be busy with it when the waiter goes on.
    const auto finished = std::make_shared<std::promise<void>>();
    {
      const std::lock_guard lock(mutex_);
      tasks_.push_back([&task, finished] {
        task();
        finished->set_value();
      });
    }
    wake_.notify_one();
    finished->get_future().wait();
  }

 private:
  void work() {
    while (!done_) {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return !tasks_.empty(); });
      const auto task = std::move(tasks_.front());
      tasks_.pop_front();
      lock.unlock();
      task();
    }
  }

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> tasks_;
  bool done_ = false;
  std::thread thread_;
};

// What test programs that crashed have left, recognised by a lock that nobody holds.
void remove_abandoned() {
  std::error_code ignored;  // others may be removing, too
  for (const auto& entry : fs::directory_iterator(fs::temp_directory_path(), ignored)) {
    if (!entry.path().filename().string().starts_with(directory_prefix)) continue;
    const auto age = fs::file_time_type::clock::now() - fs::last_write_time(entry.path(), ignored);
    const int lock = open((entry.path() / "data/lock").c_str(), O_RDWR | O_CLOEXEC);
    const bool held = lock >= 0 && flock(lock, LOCK_EX | LOCK_NB) < 0;
    if (!held && age > abandoned_after) fs::remove_all(entry.path(), ignored);
    if (lock >= 0) close(lock);
  }
}

std::string make_directory() {
  remove_abandoned();
  std::string name = (fs::temp_directory_path() / directory_prefix).string() + "XXXXXX";
  EXPECT_NE(mkdtemp(name.data()), nullptr);
  // The servers' users have to get through.
  fs::permissions(name, fs::perms::owner_all | fs::perms::others_exec | fs::perms::group_exec);
  return name;
}

std::string programs() {
  const char* folder = std::getenv("PARLEY_TEST_BIN");
  EXPECT_NE(folder, nullptr) << "PARLEY_TEST_BIN: the folder of the programs";
  return folder != nullptr ? folder : "";
}

bool is_ours(const std::string& name) {
  return name.starts_with("broker-") || name.starts_with("worker-") || name.starts_with("gateway-");
}

}  // namespace

struct Cluster::Impl {
  struct Slot {
    Member member;
    std::optional<Process> process = {};
    bool may_end = false;
  };

  explicit Impl(const ClusterOptions& o) : options(o), directory(make_directory()) {}

  // -- in the starter's thread
  void launch(Slot& slot);
  void wait_for_end(Slot& slot, Duration limit);
  bool run_task(Slot& slot);
  void stop_everything();

  void start_everything();
  void check_logs();
  void check_log_of(const std::string& name);
  Slot& slot(const std::string& name);
  // Runs `action` on a process that must be running, in the starter's thread.
  void with_running(const std::string& name, const std::function<void(Slot&)>& action);
  std::vector<std::string> running(const std::string& kind);
  std::size_t lists_taken(const std::string& broker);
  void change_keys(const std::function<Status(const std::string& list)>& change);

  ClusterOptions options;
  std::string directory;
  std::optional<DataDirectory> data;
  std::optional<Family> family;
  std::optional<ClusterLinks> links;
  std::vector<Slot> slots;
  std::set<std::string> announced;
  std::mutex announced_mutex;
  bool ready = false;
  Starter starter;  // the last: its thread ends before anything that it uses
};

Cluster::Impl::Slot& Cluster::Impl::slot(const std::string& name) {
  const auto found = std::find_if(slots.begin(), slots.end(),
                                  [&](const Slot& s) { return s.member.child.name == name; });
  if (found == slots.end()) {
    ADD_FAILURE() << "no process is named " << name;
    std::abort();
  }
  return *found;
}

void Cluster::Impl::launch(Slot& slot) {
  const int log = open(slot.member.log.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  auto process = Process::start(slot.member.program, {.output = log, .kept = data->lock_fd()});
  close(log);
  if (!process) {
    ADD_FAILURE() << slot.member.child.name << ": " << process.error().detail;
    return;
  }
  slot.process.emplace(std::move(*process));
  slot.may_end = false;
  if (slot.member.server == nullptr) return;
  EXPECT_TRUE(eventually(server_limit, [&] {
    return slot.process->poll_exit() || slot.member.server->is_ready(slot.process->pid());
  })) << slot.member.child.name << " does not answer";
}

bool Cluster::Impl::run_task(Slot& slot) {
  launch(slot);
  if (!slot.process) return false;
  const bool ended = eventually(slot.member.child.start_limit,
                                [&] { return slot.process->poll_exit().has_value(); });
  const bool ok = ended && slot.process->poll_exit()->ok();
  EXPECT_TRUE(ok) << slot.member.child.name << " failed:\n" << tail_of(slot.member.log, 20);
  slot.process.reset();
  return ok;
}

void Cluster::Impl::wait_for_end(Slot& slot, Duration limit) {
  const bool ended = eventually(limit, [&] { return slot.process->poll_exit().has_value(); });
  EXPECT_TRUE(ended) << slot.member.child.name << " did not end in time";
  slot.process.reset();  // kills it if need be
}

void Cluster::Impl::start_everything() {
  auto claimed = DataDirectory::claim(directory + "/data");
  ASSERT_TRUE(claimed) << claimed.error().detail;
  data.emplace(std::move(*claimed));
  auto laid_out = Family::lay_out(*data, {.brokers = options.brokers,
                                          .workers = options.workers,
                                          .gateways = options.gateways,
                                          .listen = "127.0.0.1:0",
                                          .business = options.business ? "127.0.0.1:0" : "",
                                          .programs = programs()});
  ASSERT_TRUE(laid_out) << laid_out.error().detail;
  family.emplace(std::move(*laid_out));
  if (options.links == Links::proxied) links.emplace(options.links_seed, *data, *family);
  for (const Member& member : family->members()) {
    slots.push_back({member});
    std::vector<std::string>& environment = slots.back().member.program.environment;
    if (member.child.name.starts_with("worker-")) {
      std::vector<std::string>& words = slots.back().member.program.arguments;
      words.pop_back();  // "all"
      words.insert(words.end(), options.services.begin(), options.services.end());
    }
    for (const auto& [kind, added] : {std::pair{"broker-", &options.broker_environment},
                                      std::pair{"worker-", &options.worker_environment},
                                      std::pair{"gateway-", &options.gateway_environment}})
      if (member.child.name.starts_with(kind))
        environment.insert(environment.end(), added->begin(), added->end());
    if (links) links->add_to(environment, member.child.name);
  }
  bool going = true;
  starter.run([&] {
    for (Slot& slot : slots) {
      if (!going) break;
      const bool task = slot.member.child.kind == Supervisor::Kind::task;
      if (task) going = run_task(slot);
      else launch(slot), going = slot.process.has_value();
    }
  });
  ready = going;
}

void Cluster::Impl::stop_everything() {
  for (auto slot = slots.rbegin(); slot != slots.rend(); ++slot) {
    if (!slot->process) continue;
    if (const auto exit = slot->process->poll_exit()) {
      EXPECT_TRUE(slot->may_end) << slot->member.child.name << " ended by itself: "
                                 << describe(*exit) << "\n" << tail_of(slot->member.log, 20);
      slot->process.reset();
      continue;
    }
    slot->process->signal(SIGCONT);
    slot->process->signal(slot->member.stop_signal);
    wait_for_end(*slot, stop_limit);
  }
}

void Cluster::Impl::check_logs() {
  for (const Slot& slot : slots)
    if (is_ours(slot.member.child.name)) check_log_of(slot.member.child.name);
}

void Cluster::Impl::check_log_of(const std::string& name) {
  std::istringstream lines(read_file(slot(name).member.log).value_or(""));
  for (std::string line; std::getline(lines, line);) {
    const auto json = nlohmann::json::parse(line, nullptr, false);
    if (!json.is_object() || json.value("level", "") != "error") continue;
    EXPECT_TRUE(announced.contains(json.value("event", "")))
        << name << " logged an error that the test did not announce:\n" << line;
  }
}

void Cluster::Impl::with_running(const std::string& name,
                                 const std::function<void(Slot&)>& action) {
  starter.run([&] {
    Slot& found = slot(name);
    if (!found.process || found.process->poll_exit()) {
      ADD_FAILURE() << name << " does not run";
      return;
    }
    action(found);
  });
}

std::vector<std::string> Cluster::Impl::running(const std::string& kind) {
  std::vector<std::string> names;
  starter.run([&] {
    for (Slot& slot : slots)
      if (slot.member.child.name.starts_with(kind) && slot.process && !slot.process->poll_exit())
        names.push_back(slot.member.child.name);
  });
  return names;
}

std::size_t Cluster::Impl::lists_taken(const std::string& broker) {
  const std::string log = read_file(slot(broker).member.log).value_or("");
  std::size_t count = 0;
  const std::string_view event = "\"broker.key_list_taken\"";
  for (std::size_t at = log.find(event); at != log.npos; at = log.find(event, at + 1)) ++count;
  return count;
}

// A broker may take the list by itself before the signal arrives, so one more line is all to wait for.
void Cluster::Impl::change_keys(const std::function<Status(const std::string& list)>& change) {
  std::map<std::string, std::size_t> before;
  for (const std::string& broker : running("broker-")) before[broker] = lists_taken(broker);
  const Status changed = change(data->allowed_keys());
  EXPECT_TRUE(changed) << changed.error().detail;
  for (const auto& [broker, count] : before) {
    with_running(broker, [](Slot& slot) { slot.process->signal(SIGHUP); });
    EXPECT_TRUE(eventually(5s, [&] { return lists_taken(broker) > count; }))
        << broker << " does not take the list of keys";
  }
}

Cluster::Cluster(const ClusterOptions& options) : impl_(std::make_unique<Impl>(options)) {
  impl_->start_everything();
}

Cluster::~Cluster() {
  if (impl_->links) impl_->links->proxy().heal_all();
  impl_->starter.run([this] { impl_->stop_everything(); });
  impl_->check_logs();
  std::error_code ignored;  // a failed test may have left files of the servers' users
  if (std::getenv("PARLEY_TEST_KEEP") == nullptr) fs::remove_all(impl_->directory, ignored);
}

bool Cluster::ready() const { return impl_->ready; }

bool Cluster::wait_ready(Duration limit) {
  std::vector<std::string> peers = impl_->running("worker-");
  const std::vector<std::string> gateways = impl_->running("gateway-");
  peers.insert(peers.end(), gateways.begin(), gateways.end());
  std::vector<std::string> brokers;
  for (const std::string& name : impl_->running("broker-"))
    brokers.push_back(impl_->data->endpoint(name + ".gateways"));
  return eventually(limit, [&] {
    std::vector<BrokerAnswer> answers;
    for (const std::string& endpoint : brokers)
      answers.push_back({endpoint, ask_status(BusEndpoint{endpoint}, 500ms)});
    return missing_peers(answers, peers).empty();
  });
}

void Cluster::kill9(const std::string& name) {
  impl_->with_running(name, [this](Impl::Slot& slot) {
    slot.process->signal(SIGKILL);
    impl_->wait_for_end(slot, 5s);
  });
}

void Cluster::stop(const std::string& name) {
  impl_->with_running(name, [](Impl::Slot& slot) { slot.process->signal(SIGSTOP); });
}

void Cluster::cont(const std::string& name) {
  impl_->with_running(name, [](Impl::Slot& slot) { slot.process->signal(SIGCONT); });
}

void Cluster::terminate(const std::string& name) {
  impl_->with_running(name, [this](Impl::Slot& slot) {
    slot.process->signal(slot.member.stop_signal);
    const bool clean =
        eventually(stop_limit, [&] { return slot.process->poll_exit().has_value(); }) &&
        slot.process->poll_exit()->ok();
    EXPECT_TRUE(clean) << slot.member.child.name << " did not end well in time";
    slot.process.reset();  // kills it if need be
  });
}

void Cluster::start(const std::string& name) {
  impl_->starter.run([&] {
    Impl::Slot& slot = impl_->slot(name);
    const bool ended = !slot.process || slot.process->poll_exit();
    EXPECT_TRUE(ended) << name << " runs already";
    if (ended) impl_->launch(slot);
  });
}

bool Cluster::is_running(const std::string& name) {
  bool runs = false;
  impl_->starter.run([&] {
    Impl::Slot& slot = impl_->slot(name);
    runs = slot.process && !slot.process->poll_exit();
  });
  return runs;
}

std::int64_t Cluster::pid(const std::string& name) {
  std::int64_t pid = 0;
  impl_->starter.run([&] {
    Impl::Slot& slot = impl_->slot(name);
    if (slot.process && !slot.process->poll_exit()) pid = slot.process->pid();
  });
  return pid;
}

FaultProxy& Cluster::proxy() {
  PARLEY_ASSERT(impl_->links);
  return impl_->links->proxy();
}

const std::string& Cluster::data() const { return impl_->data->path(); }
std::string Cluster::gateway(unsigned index) const { return gateways().at(index); }
const std::vector<std::string>& Cluster::gateways() const {
  return impl_->links ? impl_->links->gateways() : impl_->family->gateways();
}
const std::string& Cluster::pin() const { return impl_->family->pin(); }
const std::vector<std::string>& Cluster::broker_endpoints() const {
  return impl_->family->broker_endpoints();
}

const std::vector<std::string>& Cluster::business_endpoints() const {
  return impl_->family->business_endpoints();
}

std::string Cluster::allow(const std::string& role, const std::string& name) {
  const std::string file = impl_->data->key(name + "." + std::to_string(secure_random_id()));
  const auto pair = create_key_pair(file);
  EXPECT_TRUE(pair) << pair.error().detail;
  const auto entry = parse_key_entry(role, name, pair->public_key);
  EXPECT_TRUE(entry) << role << " " << name;
  impl_->change_keys([&](const std::string& list) { return allow_key(list, *entry); });
  return file;
}

void Cluster::revoke(const std::string& key_file) {
  const auto pair = load_key_pair(key_file);
  ASSERT_TRUE(pair) << pair.error().detail;
  impl_->change_keys([&](const std::string& list) {
    return revoke_key(list, pair->public_key).map([](const KeyEntry&) {});
  });
}
std::string Cluster::database_url() const { return impl_->family->database_url(); }
std::string Cluster::superuser_url() const { return impl_->family->superuser_url(); }

Cluster::Rows Cluster::sql(const std::string& statement) {
  const std::unique_ptr<PGconn, decltype(&PQfinish)> connection(
      PQconnectdb(impl_->family->superuser_url().c_str()), &PQfinish);
  const std::unique_ptr<PGresult, decltype(&PQclear)> result(
      PQexec(connection.get(), statement.c_str()), &PQclear);
  const ExecStatusType status = PQresultStatus(result.get());
  EXPECT_TRUE(status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK)
      << statement << ": " << PQerrorMessage(connection.get());
  Rows rows;
  for (int row = 0; row < PQntuples(result.get()); ++row) {
    rows.emplace_back();
    for (int column = 0; column < PQnfields(result.get()); ++column)
      rows.back().emplace_back(PQgetvalue(result.get(), row, column));
  }
  return rows;
}

std::string Cluster::redis(const std::vector<std::string>& words) {
  const std::string path = impl_->family->redis_url().substr(std::string("unix://").size());
  const std::unique_ptr<redisContext, decltype(&redisFree)> connection(
      redisConnectUnix(path.c_str()), &redisFree);
  std::vector<const char*> pointers;
  std::vector<std::size_t> sizes;
  for (const std::string& word : words) {
    pointers.push_back(word.data());
    sizes.push_back(word.size());
  }
  const auto reply = static_cast<redisReply*>(redisCommandArgv(
      connection.get(), static_cast<int>(words.size()), pointers.data(), sizes.data()));
  if (reply == nullptr || reply->type == REDIS_REPLY_ERROR) {
    ADD_FAILURE() << words.front() << ": " << (reply ? reply->str : connection->errstr);
    return {};
  }
  const std::string text = reply->type == REDIS_REPLY_INTEGER ? std::to_string(reply->integer)
                           : reply->str ? std::string(reply->str, reply->len) : "";
  freeReplyObject(reply);
  return text;
}

std::string Cluster::log(const std::string& name) const {
  return read_file(impl_->slot(name).member.log).value_or("");
}

double Cluster::metric(const std::string& name, const std::string& metric) const {
  const auto address = metrics_address(log(name));
  const auto value = address ? scrape(*address, metric) : std::nullopt;
  EXPECT_TRUE(value) << name << " does not tell " << metric;
  return value.value_or(0);
}

void Cluster::announce(const std::string& event) {
  const std::lock_guard lock(impl_->announced_mutex);
  impl_->announced.insert(event);
}

void Cluster::expect_exit(const std::string& name) {
  impl_->starter.run([&] { impl_->slot(name).may_end = true; });
}

}  // namespace parley::test
