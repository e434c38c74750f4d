#include "base/failpoint.h"

#ifdef PARLEY_FAILPOINTS
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <string>
#endif

namespace parley {

std::string_view name_of(Failpoint point) {
  switch (point) {
#define PARLEY_FAILPOINT(name, where, what) \
  case Failpoint::name: return #name;
#include "base/failpoints.def"
#undef PARLEY_FAILPOINT
  }
  return "?";
}

#ifdef PARLEY_FAILPOINTS
namespace {

const std::string& file() {
  static const std::string path = [] {
    const char* named = std::getenv("FAILPOINT_FILE");
    return std::string(named == nullptr ? "" : named);
  }();
  return path;
}

// Longer than a broker waits for a worker, shorter than a request lives.
void stall() {
  timespec left{.tv_sec = 5, .tv_nsec = 0};
  while (nanosleep(&left, &left) != 0) {
  }
}

}  // namespace

bool failpoints_exist() { return !file().empty(); }

FailAction failpoint(Failpoint point, std::uint16_t verb) {
  if (file().empty()) return FailAction::nothing;
  std::string name;
  std::string action;
  std::uint16_t only = 0;
  std::ifstream armed(file());
  if (!(armed >> name >> action) || name != name_of(point)) return FailAction::nothing;
  if (armed >> only && only != verb) return FailAction::nothing;
  // Of several that come here at once one takes it.
  if (std::rename(file().c_str(), (file() + ".taken").c_str()) != 0) return FailAction::nothing;
  if (action == "crash") std::raise(SIGKILL);
  if (action == "stall") stall();
  if (action == "fail") return FailAction::fail;
  if (action == "drop") return FailAction::drop;
  if (action == "twice") return FailAction::twice;
  return FailAction::nothing;
}
#else
bool failpoints_exist() { return false; }
FailAction failpoint(Failpoint, std::uint16_t) { return FailAction::nothing; }
#endif

}  // namespace parley
