// Brokers, workers, gateways: killed, stopped, told to go, out of files.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>

#include <algorithm>
#include <filesystem>

#include "tests/fault/havoc.h"
#include "tests/fault/peers.h"
#include "tests/support/eventually.h"

namespace parley::test {
namespace {

using Names = std::vector<std::string>;

std::string joined(const Names& names) { return fmt::format("{}", fmt::join(names, ", ")); }

std::vector<std::int64_t> pids_of(Cluster& cluster, const Names& names) {
  std::vector<std::int64_t> pids;
  for (const std::string& name : names) pids.push_back(cluster.pid(name));
  return pids;
}

// All of them live, and none is who it was.
Proof new_lives(const std::vector<std::int64_t>& before, const std::vector<std::int64_t>& after) {
  bool all_new = true;
  for (std::size_t i = 0; i < before.size(); ++i)
    all_new = all_new && before[i] != 0 && after[i] != 0 && after[i] != before[i];
  return {.before = before.front(),
          .after = all_new ? after.front() : 0,
          .words = fmt::format("pid {} → {}", fmt::join(before, " "), fmt::join(after, " "))};
}

// All at once, as a machine goes down.
Broken kill(Scene& scene, const Names& names) {
  const auto before = pids_of(scene.cluster, names);
  for (const std::string& name : names) scene.cluster.expect_exit(name);
  for (const std::int64_t pid : before) ::kill(static_cast<pid_t>(pid), SIGKILL);
  EXPECT_TRUE(eventually(5s, [&] {
    return std::ranges::none_of(names, [&](const auto& n) { return scene.cluster.is_running(n); });
  }));
  return {joined(names), [=, &scene] {
            for (const std::string& name : names) scene.cluster.start(name);
            return new_lives(before, pids_of(scene.cluster, names));
          }};
}

// SIGSTOP. It has to stand still at the beginning and at the end, and to be the same afterwards.
Broken stop(Scene& scene, const std::string& name) {
  const std::int64_t pid = scene.cluster.pid(name);
  const char before = state_of(pid);
  scene.cluster.stop(name);
  eventually(1s, [&] { return state_of(pid) == 'T'; });
  return {name, [=, &scene]() -> Proof {
            const char during = state_of(pid);
            scene.cluster.cont(name);
            const bool is_same = scene.cluster.pid(name) == pid;
            return {.before = before,
                    .after = is_same && during == 'T' ? 'T' : 0,
                    .words = fmt::format("state of {} {} → {}", pid, before, during)};
          }};
}

Broken terminate(Scene& scene, const std::string& name) {
  const std::int64_t before = scene.cluster.pid(name);
  scene.cluster.terminate(name);
  return {name, [=, &scene] {
            scene.cluster.start(name);
            return new_lives({before}, {scene.cluster.pid(name)});
          }};
}

// As an operator upgrades: one after the other, each when all have found each other again.
Broken roll(Scene& scene) {
  const Names names = scene.ours();
  const auto before = pids_of(scene.cluster, names);
  for (const std::string& name : names) {
    scene.cluster.terminate(name);
    scene.cluster.start(name);
    EXPECT_TRUE(scene.cluster.wait_ready());
  }
  return {"everybody", [=, &scene] { return new_lives(before, pids_of(scene.cluster, names)); }};
}

// One more than the greatest number of a file that is open.
rlim_t files_in_use(std::int64_t pid) {
  rlim_t end = 0;
  std::error_code gone;
  const std::filesystem::directory_iterator files(fmt::format("/proc/{}/fd", pid), gone);
  for (const auto& file : files)
    end = std::max<rlim_t>(end, std::stoul(file.path().filename().string()) + 1);
  return end;
}

// How many of some connections the gateway ends at once; one that it has room for it leaves alone
// for seconds.
int turned_away(const std::string& address) {
  int count = 0;
  for (int i = 0; i < 3; ++i) count += is_turned_away(address);
  return count;
}

// The limit is where its files end, and connections take what is free below.
Broken use_up_files(Scene& scene, unsigned which) {
  const std::string name = Scene::gateway(which);
  const std::string address = scene.cluster.gateway(which);
  const auto pid = static_cast<pid_t>(scene.cluster.pid(name));
  const int before = turned_away(address);
  rlimit former{};
  prlimit(pid, RLIMIT_NOFILE, nullptr, &former);
  const rlimit now{.rlim_cur = files_in_use(pid), .rlim_max = former.rlim_max};
  prlimit(pid, RLIMIT_NOFILE, &now, nullptr);
  const auto crowd = std::make_shared<std::optional<Crowd>>();
  crowd->emplace(address, now.rlim_cur);
  const int during = turned_away(address);
  return {name, [=]() -> Proof {
            prlimit(pid, RLIMIT_NOFILE, &former, nullptr);
            crowd->reset();
            return grown(before, during, "of 3 connections turned away");
          }};
}

// Bytes that are no ZMTP, on several connections.
Broken send_garbage(Scene& scene, unsigned which) {
  constexpr int connections = 20;
  const int closed = hang_ups_on_garbage(scene.cluster.broker_endpoints().at(which), connections,
                                         scene.random.next());
  return {Scene::broker(which),
          [=] { return grown(0, closed, fmt::format("of {} connections closed", connections)); }};
}

// A gateway that reports routes, which are none, as fast as it can.
Broken flood(Scene& scene, unsigned which) {
  const FloodCounts counts = flood_as_gateway(scene.cluster.broker_endpoints().at(which), 2s);
  return {Scene::broker(which),
          [=]() -> Proof {
            return {.before = 0,
                    .after = static_cast<std::int64_t>(counts.answered),
                    .words = fmt::format("{} requests in 2 s, {} answered, {} refused",
                                         counts.published, counts.answered, counts.refused)};
          }};
}

}  // namespace

std::vector<ChaosKind> process_kinds() {
  using enum ChaosKind::Recovery;
  using enum Part;
  return {
      {.shape = {"broker-kill", {broker}, 2, 2},
       .hold = 1s,
       .recovery = from_injection,
       .target = 5s,
       .strike = [](Scene& s, unsigned i) { return kill(s, {Scene::broker(i)}); }},
      {.shape = {"broker-stop", {broker}, 2},
       .hold = 10s,
       .recovery = from_injection,
       .target = 5s,
       .strike = [](Scene& s, unsigned i) { return stop(s, Scene::broker(i)); }},
      {.shape = {"broker-term", {broker}, 2},
       .hold = 500ms,
       .recovery = from_injection,
       .target = 5s,
       .strike = [](Scene& s, unsigned i) { return terminate(s, Scene::broker(i)); }},
      {.shape = {"broker-garbage", {broker}, 2},
       .hold = 100ms,
       .recovery = from_injection,
       .target = 2s,
       .strike = send_garbage},
      {.shape = {"broker-flood", {broker}, 2},
       .hold = 100ms,
       .recovery = from_mending,
       .target = 2s,
       .strike = flood},
      {.shape = {"gateway-kill", {gateway}, 2, 2},
       .hold = 1s,
       .recovery = from_injection,
       .target = 15s,
       .strike = [](Scene& s, unsigned i) { return kill(s, {Scene::gateway(i)}); }},
      {.shape = {"gateway-stop", {gateway}, 2},
       .hold = 30s,
       .recovery = from_mending,
       .target = 15s,
       .strike = [](Scene& s, unsigned i) { return stop(s, Scene::gateway(i)); }},
      {.shape = {"gateway-files", {gateway}, 2},
       .hold = 3s,
       .recovery = from_injection,
       .target = 1s,
       .strike = use_up_files},
      {.shape = {"gateways-kill", {gateway, client}},
       .hold = 1s,
       .recovery = from_mending,
       .target = 15s,
       .strike = [](Scene& s, unsigned) { return kill(s, s.gateways()); }},
      {.shape = {"worker-kill", {worker}, 3, 3},
       .hold = 500ms,
       .recovery = from_injection,
       .target = 2s,
       .strike = [](Scene& s, unsigned i) { return kill(s, {Scene::worker(i)}); }},
      {.shape = {"worker-stop", {worker}, 3},
       .hold = 10s,
       .recovery = from_injection,
       .target = 4s,
       .strike = [](Scene& s, unsigned i) { return stop(s, Scene::worker(i)); }},
      {.shape = {"workers-down", {worker}},
       .hold = 5s,
       .recovery = from_mending,
       .target = 2s,
       .strike = [](Scene& s, unsigned) { return kill(s, s.workers()); }},
      {.shape = {"rolling-restart", {broker, worker, gateway, client}},
       .hold = 0s,
       .recovery = from_mending,
       .target = 5s,
       .strike = [](Scene& s, unsigned) { return roll(s); }},
  };
}

}  // namespace parley::test
