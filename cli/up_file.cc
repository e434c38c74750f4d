#include "cli/up_file.h"

#include <signal.h>

#include <nlohmann/json.hpp>

#include "cli/data_directory.h"

namespace parley {

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(UpFile::Process, name, pid, state, restarts, log)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(UpFile, pid, state, gateways, pin, brokers, business, database,
                                   redis, processes)

namespace {

std::string path_in(const std::string& data) { return data + "/up.json"; }

}  // namespace

Status write_up_file(const std::string& data, const UpFile& file) {
  // A path may hold any bytes.
  constexpr auto replace = nlohmann::json::error_handler_t::replace;
  return write_file(path_in(data), nlohmann::json(file).dump(2, ' ', false, replace) + "\n");
}

Result<UpFile> read_up_file(const std::string& data) {
  const auto content = read_file(path_in(data));
  if (!content) return fail(Errc::not_found, "no `parley up` ever ran in " + data);
  try {
    return nlohmann::json::parse(*content).get<UpFile>();
  } catch (const nlohmann::json::exception& e) {
    return fail(Errc::bad_request, path_in(data) + ": " + e.what());
  }
}

bool is_running(const UpFile& file) { return file.pid != 0 && kill(file.pid, 0) == 0; }

}  // namespace parley
