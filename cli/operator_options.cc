#include "cli/operator_options.h"

#include <cstdio>

#include "base/process.h"
#include "cli/up_file.h"

namespace parley {

Result<Endpoints> brokers_of(const OperatorOptions& options) {
  BusSettings bus{
      .brokers = options.brokers, .key_file = options.key_file, .tcp_without_keys = true};
  if (bus.brokers.empty()) {
    PARLEY_TRY(const UpFile file, read_up_file(options.data));
    if (!is_running(file)) return fail(Errc::not_found, "nothing runs in " + options.data);
    bus.brokers = file.brokers;
  }
  return load_bus_endpoints(bus);
}

int complain(const char* command, const Error& error) {
  std::fprintf(stderr, "parley %s: %s\n", command, error.detail.c_str());
  return error.code == Errc::config ? exit_config : exit_runtime;
}

}  // namespace parley
