#include "tests/fault/tracer.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/random.h"
#include "tests/support/eventually.h"

namespace parley::test {
namespace {

namespace fs = std::filesystem;
constexpr const char* program = "/usr/bin/strace";
constexpr Duration limit = 5s;

// Whoever is traced has another process in this line of its status.
bool is_traced(std::int64_t pid) {
  std::ifstream status(fmt::format("/proc/{}/status", pid));
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("TracerPid:")) return line.find_first_of("123456789") != line.npos;
  return true;  // gone, which is not ours to judge
}

}  // namespace

Tracer::Tracer(const std::vector<std::int64_t>& pids, const std::string& call,
               const std::string& fault)
    : file_((fs::temp_directory_path() / fmt::format("parley-trace-{:x}", secure_random_id()))
                .string()) {
  std::vector<std::string> words{program, "-qq", "-e", "trace=" + call, "-e",
                                 "inject=" + call + ":" + fault, "-o", file_};
  for (const std::int64_t pid : pids) words.insert(words.end(), {"-p", std::to_string(pid)});
  const int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
  auto started = Process::start({.arguments = words}, {.output = nowhere});
  close(nowhere);
  if (!started) {
    ADD_FAILURE() << started.error().detail;
    return;
  }
  process_.emplace(std::move(*started));
  EXPECT_TRUE(eventually(limit, [&] { return std::ranges::all_of(pids, is_traced); }));
}

Tracer::~Tracer() { finish(); }

std::string Tracer::record() const {
  std::ostringstream text;
  text << std::ifstream(file_).rdbuf();
  return text.str();
}

std::int64_t Tracer::finish() {
  if (process_) {
    process_->signal(SIGTERM);
    EXPECT_TRUE(eventually(limit, [&] { return process_->poll_exit().has_value(); }));
    process_.reset();
  }
  const std::string text = record();
  std::int64_t count = 0;
  for (std::size_t at = text.find("INJECTED"); at != text.npos; at = text.find("INJECTED", at + 1))
    ++count;
  // A delayed call is marked DELAYED, also one that succeeds.
  for (std::size_t at = text.find("DELAYED"); at != text.npos; at = text.find("DELAYED", at + 1))
    ++count;
  fs::remove(file_);
  return count;
}

std::optional<std::string> Tracer::unavailable() {
  if (!fs::exists(program)) return "no strace";
  if (geteuid() != 0) return "strace needs root for processes of another user";
  return std::nullopt;
}

}  // namespace parley::test
