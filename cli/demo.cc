#include "cli/demo.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "base/clock.h"
#include "base/process.h"
#include "cli/demo_talk.h"
#include "cli/log_file.h"
#include "cli/spawn.h"
#include "cli/up_file.h"

namespace parley {
namespace {

namespace fs = std::filesystem;

constexpr Duration up_limit = 240s;  // the first start makes a database
constexpr Duration down_limit = 60s;
constexpr Duration look_every = 50ms;
constexpr unsigned tail_lines = 15;

// A `parley up` of our own, in `directory`/data; what it prints goes beside that.
class Running {
 public:
  static Result<Running> start(const DemoOptions& options, const std::string& directory) {
    const std::string data = directory + "/data";
    const std::string log = directory + "/demo.log";
    const int fd = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0) return fail(Errc::io, log + ": " + std::strerror(errno));
    auto process = Process::start({.arguments = {options.programs + "/parley", "up", "--data", data,
                                                 "--listen", "127.0.0.1:0"}},
                                  {.output = fd});
    close(fd);
    if (!process) return tl::unexpected(process.error());
    return Running(std::move(*process), data, log);
  }

  // What it runs, once everything answers.
  Result<UpFile> wait_until_ready() {
    const Instant deadline = monotonic_now() + up_limit;
    while (monotonic_now() < deadline && !process_.poll_exit()) {
      const auto file = read_up_file(data_);
      if (file && file->state == "running" && file->pid == process_.pid()) return *file;
      poll(nullptr, 0, static_cast<int>(to_ms(look_every)));
    }
    return fail(Errc::internal, "parley up did not start:\n" + tail_of(log_, tail_lines));
  }

  Status kill_gateways() const {
    PARLEY_TRY(const UpFile file, read_up_file(data_));
    for (const UpFile::Process& process : file.processes)
      if (process.name.starts_with("gateway-") && process.pid > 0) kill(process.pid, SIGKILL);
    return {};
  }

  Status stop() {
    process_.signal(SIGTERM);
    pollfd ended{process_.ended_fd(), POLLIN, 0};
    poll(&ended, 1, static_cast<int>(to_ms(down_limit)));
    const auto exit = process_.poll_exit();
    if (!exit) return fail(Errc::internal, "parley up did not stop in time");
    if (!exit->ok()) return fail(Errc::internal, "parley up ended with " + describe(*exit));
    return {};
  }

 private:
  Running(Process process, std::string data, std::string log)
      : process_(std::move(process)), data_(std::move(data)), log_(std::move(log)) {}

  Process process_;
  std::string data_;
  std::string log_;
};

Result<std::string> new_directory() {
  std::string name = (fs::temp_directory_path() / "parley-demo-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) return fail(Errc::io, name + ": " + std::strerror(errno));
  // The servers' users must get through to their own directories.
  if (geteuid() == 0 && chmod(name.c_str(), 0711) < 0)
    return fail(Errc::io, name + ": " + std::strerror(errno));
  return name;
}

Status demonstrate(const DemoOptions& options, const std::string& directory) {
  std::printf("Starting PostgreSQL, Redis, brokers, workers and a gateway in %s\n",
              directory.c_str());
  std::fflush(stdout);
  const Instant begin = monotonic_now();
  PARLEY_TRY(Running running, Running::start(options, directory));
  PARLEY_TRY(const UpFile file, running.wait_until_ready());
  std::printf("Everything answers after %.1f s; clients connect to %s\n",
              static_cast<double>(to_ms(monotonic_now() - begin)) / 1e3,
              file.gateways.front().c_str());
  PARLEY_CHECK(hold_conversation({.gateways = file.gateways, .pin = file.pin,
                                  .kill_gateways = [&] { return running.kill_gateways(); }}));
  PARLEY_CHECK(running.stop());
  std::printf("Everything has stopped\n");
  return {};
}

Status run(const DemoOptions& options) {
  if (!options.data.empty()) {
    std::error_code error;
    fs::create_directories(options.data, error);
    if (error) return fail(Errc::config, options.data + ": " + error.message());
    return demonstrate(options, fs::canonical(options.data).string());
  }
  PARLEY_TRY(const std::string directory, new_directory());
  const Status done = demonstrate(options, directory);
  std::error_code error;
  if (done) fs::remove_all(directory, error);
  if (!done) std::printf("Logs: %s/data/log\n", directory.c_str());
  return done;
}

}  // namespace

int run_demo(const DemoOptions& options) {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  const Status done = run(options);
  if (done) std::printf("demo: ok\n");
  else std::printf("demo: failed: %s\n", done.error().detail.c_str());
  return done ? exit_ok : exit_runtime;
}

}  // namespace parley
