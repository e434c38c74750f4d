// A configuration file, written for one of our processes (base/config.h reads it).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace parley {

class TomlText {
 public:
  TomlText& section(std::string_view name);
  TomlText& text(std::string_view key, std::string_view value);
  TomlText& number(std::string_view key, std::uint64_t value);
  TomlText& list(std::string_view key, const std::vector<std::string>& values);
  const std::string& str() const { return text_; }

 private:
  std::string text_ = "# Written by `parley up` at each start: changes are lost.\n";
};

}  // namespace parley
