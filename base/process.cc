#include "base/process.h"

#include <sys/prctl.h>
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>

#include "base/log.h"

extern "C" char** environ;

namespace parley {
namespace {

void block_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
}

// Keys and messages must not end up in a core file.
void forbid_core_dumps() {
  const rlimit none{0, 0};
  setrlimit(RLIMIT_CORE, &none);
  prctl(PR_SET_DUMPABLE, 0);
}

std::optional<log::Level> level_named(const std::string& name) {
  if (name == "debug") return log::Level::debug;
  if (name == "info") return log::Level::info;
  if (name == "warn") return log::Level::warn;
  if (name == "error") return log::Level::error;
  return std::nullopt;
}

struct CommandLine {
  std::string config;
  bool check = false;
  bool print = false;
  bool version = false;
};

int complain(const ProcessInfo& info, const std::string& what) {
  std::fprintf(stderr, "%s: %s\n", info.name.c_str(), what.c_str());
  return exit_config;
}

int configure(const CommandLine& line, const ProcessInfo& info, Config& config,
              const std::string& level_name, const std::function<int()>& body) {
  if (!line.config.empty())
    if (const auto loaded = config.load_file(line.config); !loaded)
      return complain(info, loaded.error().detail);
  if (const auto loaded = config.load_environment(environ); !loaded)
    return complain(info, loaded.error().detail);
  const auto level = level_named(level_name);
  if (!level) return complain(info, "log.level must be debug, info, warn or error");
  if (line.print) return std::fputs(config.print().c_str(), stdout) < 0 ? exit_runtime : exit_ok;
  if (line.check) return exit_ok;
  block_signals();
  forbid_core_dumps();
  raise_file_limit();
  log::start(info.name, *level);
  const int code = body();
  log::stop();
  return code;
}

}  // namespace

void raise_file_limit() {
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
}

const char* version() { return PARLEY_VERSION; }

int run_process(int argc, char** argv, const ProcessInfo& info, Config& config,
                std::vector<std::string>* arguments, const std::function<int()>& body) {
  std::string level = "info";
  config.text("log.level", &level, "debug, info, warn or error");
  CommandLine line;
  CLI::App app{info.purpose, info.name};
  app.add_option("--config", line.config, "Read this configuration file");
  app.add_flag("--check", line.check, "Only say whether the configuration is valid");
  app.add_flag("--print-config", line.print, "Print the configuration as it would be used");
  app.add_flag("--version", line.version, "Print the version");
  if (arguments != nullptr) app.add_option("arguments", *arguments);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? exit_ok : exit_usage;
  }
  if (line.version) return std::printf("%s %s\n", info.name.c_str(), version()) < 0 ? 1 : 0;
  return configure(line, info, config, level, body);
}

}  // namespace parley
