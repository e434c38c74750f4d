#include "perf/bars/private_cluster.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <functional>

#include "base/clock.h"
#include "cli/log_file.h"

namespace parley::perf {
namespace {

constexpr Duration server_limit = 120s;
constexpr Duration stop_limit = 25s;

// 0: no limit. What is measured is how fast the whole is, not how slow one client is kept.
const std::vector<std::string> gateway_environment = {
    "PARLEY_LIMITS_FRAMES_PER_SECOND=0",     "PARLEY_LIMITS_MESSAGES_PER_SECOND=0",
    "PARLEY_LIMITS_PER_ORIGIN_MAX=0",        "PARLEY_LIMITS_PER_ORIGIN_PRE_AUTH_MAX=0",
    "PARLEY_LIMITS_PER_ORIGIN_PER_SECOND=0", "PARLEY_LIMITS_ACCEPTS_PER_SECOND=0",
    "PARLEY_LIMITS_IN_FLIGHT_MAX=1024"};

bool wait_until(Duration limit, const std::function<bool()>& condition) {
  for (const Instant deadline = monotonic_now() + limit; !condition(); poll(nullptr, 0, 5))
    if (monotonic_now() > deadline) return false;
  return true;
}

Status failed(const Member& member, const std::string& how) {
  return fail(Errc::io, member.child.name + " " + how + ":\n" + tail_of(member.log, 20));
}

}  // namespace

PrivateCluster::PrivateCluster(TemporaryDirectory directory, DataDirectory data, Family family)
    : directory_(std::move(directory)), data_(std::move(data)), family_(std::move(family)) {}

Result<PrivateCluster> PrivateCluster::start(const Options& wanted) {
  PARLEY_TRY(TemporaryDirectory directory, TemporaryDirectory::make());
  PARLEY_TRY(DataDirectory data, DataDirectory::claim(directory.path() + "/data"));
  PARLEY_TRY(Family family, Family::lay_out(data, {.brokers = wanted.brokers,
                                                   .workers = wanted.workers,
                                                   .listen = "127.0.0.1:0",
                                                   .programs = wanted.programs}));
  PrivateCluster cluster(std::move(directory), std::move(data), std::move(family));
  PARLEY_CHECK(cluster.start_all());
  return cluster;
}

Status PrivateCluster::start_all() {
  for (const Member& member : family_.members()) PARLEY_CHECK(start(member));
  return {};
}

Status PrivateCluster::start(const Member& member) {
  Program program = member.program;
  if (member.child.name.starts_with("gateway-"))
    program.environment.insert(program.environment.end(), gateway_environment.begin(),
                               gateway_environment.end());
  const int log = open(member.log.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  auto started = Process::start(program, {.output = log, .kept = data_.lock_fd()});
  close(log);
  if (!started) return tl::unexpected<Error>(started.error());
  if (member.child.kind == Supervisor::Kind::task) {
    const bool ended =
        wait_until(member.child.start_limit, [&] { return started->poll_exit().has_value(); });
    if (!ended || !started->poll_exit()->ok()) return failed(member, "failed");
    return {};
  }
  running_.push_back({&member, *std::move(started)});
  Process& process = running_.back().process;
  if (member.server && !wait_until(server_limit, [&] {
        return process.poll_exit() || member.server->is_ready(process.pid());
      }))
    return failed(member, "does not answer");
  return {};
}

PrivateCluster::~PrivateCluster() {
  for (; !running_.empty(); running_.pop_back()) {
    Running& last = running_.back();
    last.process.signal(last.member->stop_signal);
    wait_until(stop_limit, [&] { return last.process.poll_exit().has_value(); });
  }
}

pid_t PrivateCluster::pid(const std::string& name) const {
  for (const Running& running : running_)
    if (running.member->child.name == name) return running.process.pid();
  return 0;
}

std::vector<std::string> PrivateCluster::watched() const {
  std::vector<std::string> watched;
  for (const Running& running : running_) {
    const std::string& name = running.member->child.name;
    watched.push_back(name.substr(0, name.find('-')) + "=" + std::to_string(running.process.pid()));
  }
  return watched;
}

}  // namespace parley::perf
