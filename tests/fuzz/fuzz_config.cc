// A configuration that is accepted prints to one that is accepted and says the same, and to no other;
// what it does not know is refused, whatever stands around it. Input: file or environment, then its bytes.
#include <optional>
#include <vector>

#include "gateway/settings.h"
#include "tests/fuzz/fuzz.h"

namespace parley {
namespace {

// A gateway's, because it has keys of all kinds.
struct Configured {
  GatewaySettings settings;
  Config config;
  Configured() { declare(config, settings); }
};

void check_stable(const Config& accepted) {
  const std::string printed = accepted.print();
  Configured again;
  PARLEY_ASSERT(again.config.load_text(printed, "printed").has_value());
  PARLEY_ASSERT(again.config.print() == printed);
  Configured unknown;
  PARLEY_ASSERT(!unknown.config.load_text(printed + "\nnobody_knows_this = 1\n", "x").has_value());
  PARLEY_ASSERT(!unknown.config.load_text(printed + "\n[nobody.knows]\na = 1\n", "x").has_value());
}

void check_bounds(const GatewaySettings& s) {
  PARLEY_ASSERT(s.in_flight_max >= 1 && s.in_flight_max <= 1'024);
  PARLEY_ASSERT(s.queue.soft_bytes >= 4'096 && s.queue.hard_bytes <= 1ULL << 30);
  PARLEY_ASSERT(s.frames.burst >= 1 && s.frames.count <= 1'000'000);
}

void try_file(std::string_view text) {
  Configured given;
  const Status loaded = given.config.load_text(text, "fuzz");
  check_bounds(given.settings);
  if (loaded) return check_stable(given.config);
  PARLEY_ASSERT(loaded.error().code == Errc::config);
  PARLEY_ASSERT(loaded.error().detail.starts_with("fuzz:"));
}

void try_environment(std::string_view text) {
  std::vector<std::string> variables;
  for (std::size_t end = 0; !text.empty(); text.remove_prefix(std::min(text.size(), end + 1))) {
    end = std::min(text.find('\0'), text.size());
    variables.emplace_back(text.substr(0, end));
  }
  std::vector<const char*> environment;
  for (const std::string& variable : variables) environment.push_back(variable.c_str());
  environment.push_back(nullptr);
  Configured given;
  const Status loaded = given.config.load_environment(environment.data());
  check_bounds(given.settings);
  if (loaded) return check_stable(given.config);
  PARLEY_ASSERT(loaded.error().code == Errc::config);
  PARLEY_ASSERT(loaded.error().detail.starts_with("PARLEY_"));
}

}  // namespace
}  // namespace parley

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  parley::fuzz::Input input(data, size);
  if (input.number<std::uint8_t>() % 2 == 0) parley::try_file(input.rest());
  else parley::try_environment(input.rest());
  return 0;
}
