// The machine and its operators: too little processor, a list of keys that is none.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/random.h"
#include "cli/data_directory.h"
#include "tests/fault/havoc.h"
#include "tests/support/eventually.h"

namespace parley::test {
namespace {

namespace fs = std::filesystem;

// cgroup v1, controller cpu.
const fs::path cpu_groups = "/sys/fs/cgroup/cpu";

std::optional<std::string> no_groups() {
  if (!fs::exists(cpu_groups / "cpu.cfs_quota_us")) return "no cgroup v1 with the cpu controller";
  if (access((cpu_groups / "cgroup.procs").c_str(), W_OK) != 0)
    return "its cgroups are not ours to change";
  return std::nullopt;
}

void write(const fs::path& file, const std::string& text) {
  std::ofstream out(file);
  out << text << std::flush;
  EXPECT_TRUE(out) << file;
}

std::int64_t times_throttled(const fs::path& group) {
  std::ifstream file(group / "cpu.stat");
  std::string word;
  std::int64_t value = 0;
  while (file >> word >> value)
    if (word == "nr_throttled") return value;
  return 0;
}

// Of this process, and so of those that it has started.
fs::path own_group() {
  std::ifstream file("/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    const std::size_t path = line.rfind(':');
    const std::string controllers = line.substr(0, path) + ",";
    if (controllers.find(":cpu,") != std::string::npos) return cpu_groups / line.substr(path + 2);
  }
  return cpu_groups;
}

// Far less of one processor than all of ours together use.
Broken starve(Scene& scene) {
  const fs::path group = cpu_groups / fmt::format("parley-chaos-{:x}", secure_random_id());
  fs::create_directory(group);
  write(group / "cpu.cfs_period_us", "100000");
  write(group / "cpu.cfs_quota_us", "8000");
  std::vector<std::int64_t> pids;
  for (const std::string& name : scene.ours()) pids.push_back(scene.cluster.pid(name));
  for (const std::int64_t pid : pids) write(group / "cgroup.procs", std::to_string(pid));
  return {"ours together, 8 % of a processor", [=] {
            const std::int64_t throttled = times_throttled(group);
            for (const std::int64_t pid : pids)
              write(own_group() / "cgroup.procs", std::to_string(pid));
            eventually(2s, [&] { return rmdir(group.c_str()) == 0; });
            return grown(0, throttled, "times throttled");
          }};
}

// Half of a line; the list that was read before stays in force.
Broken spoil_keys(Scene& scene, unsigned which) {
  const std::string name = Scene::broker(which);
  const fs::path list = scene.cluster.data() + "/keys/allowed_keys";
  std::ostringstream former;
  former << std::ifstream(list).rdbuf();
  const auto broken = [&cluster = scene.cluster, name] {
    return static_cast<std::int64_t>(
        cluster.metric(name, "parley_broker_key_list_broken_total"));
  };
  const std::int64_t before = broken();
  write(list, former.str() + "gateway gate");
  const auto hang_up = [&cluster = scene.cluster, name] {
    ::kill(static_cast<pid_t>(cluster.pid(name)), SIGHUP);
  };
  hang_up();
  return {name, [=, text = former.str()] {
            std::int64_t after = before;
            eventually(5s, [&] { return (after = broken()) > before; });
            write(list, text);
            hang_up();
            return grown(before, after, "lists of keys refused");
          }};
}

}  // namespace

std::vector<ChaosKind> host_kinds() {
  using enum ChaosKind::Recovery;
  using enum Part;
  return {
      {.shape = {"cpu-starved", {broker, worker, gateway, client}},
       .hold = 8s,
       .recovery = from_mending,
       .target = 5s,
       .strike = [](Scene& s, unsigned) { return starve(s); },
       .unavailable = no_groups()},
      {.shape = {"bad-key-list", {broker}, 2},
       .hold = 0s,
       .recovery = from_injection,
       .target = 1s,
       .strike = spoil_keys},
  };
}

}  // namespace parley::test
