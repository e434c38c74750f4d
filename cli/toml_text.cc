#include "cli/toml_text.h"

#include <fmt/format.h>

#include "base/json.h"

namespace parley {
namespace {

std::string quoted(std::string_view value) {
  std::string out;
  append_json_string(value, out);  // TOML's basic strings know the same escapes
  return out;
}

}  // namespace

TomlText& TomlText::section(std::string_view name) {
  text_ += fmt::format("\n[{}]\n", name);
  return *this;
}

TomlText& TomlText::text(std::string_view key, std::string_view value) {
  text_ += fmt::format("{} = {}\n", key, quoted(value));
  return *this;
}

TomlText& TomlText::number(std::string_view key, std::uint64_t value) {
  text_ += fmt::format("{} = {}\n", key, value);
  return *this;
}

TomlText& TomlText::list(std::string_view key, const std::vector<std::string>& values) {
  text_ += fmt::format("{} = [", key);
  for (std::size_t i = 0; i < values.size(); ++i)
    text_ += (i == 0 ? "" : ", ") + quoted(values[i]);
  text_ += "]\n";
  return *this;
}

}  // namespace parley
