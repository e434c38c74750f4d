#include "perf/cpu_time.h"

#include <time.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <string>

namespace parley::perf {
namespace {

std::string proc(pid_t pid, const char* file) {
  return "/proc/" + std::to_string(pid) + "/" + file;
}

// utime, stime, cutime, cstime: fields 14 … 17; the name before them may hold anything but ')'.
double cpu_of_one(pid_t pid) {
  std::ifstream file(proc(pid, "stat"));
  std::string text;
  std::getline(file, text);
  const auto after_name = text.rfind(')');
  if (after_name == std::string::npos) return 0;
  std::istringstream fields(text.substr(after_name + 1));
  std::string skipped;
  for (int field = 3; field < 14; ++field) fields >> skipped;
  double ticks = 0;
  for (int i = 0; i < 4; ++i) {
    double value = 0;
    fields >> value;
    ticks += value;
  }
  return ticks / static_cast<double>(sysconf(_SC_CLK_TCK));
}

std::vector<pid_t> children_of(pid_t pid) {
  std::ifstream file(proc(pid, ("task/" + std::to_string(pid) + "/children").c_str()));
  std::vector<pid_t> children;
  for (pid_t child = 0; file >> child;) children.push_back(child);
  return children;
}

}  // namespace

double cpu_seconds(pid_t pid) {
  double seconds = cpu_of_one(pid);
  for (const pid_t child : children_of(pid)) seconds += cpu_seconds(child);
  return seconds;
}

double own_cpu_seconds() {
  timespec used{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) * 1e-9;
}

std::uint64_t anonymous_bytes(pid_t pid) {
  std::ifstream file(proc(pid, "status"));
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("RssAnon:")) return std::stoull(line.substr(8)) * 1024;
  return 0;
}

}  // namespace parley::perf
