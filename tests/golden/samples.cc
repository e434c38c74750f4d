#include "tests/golden/samples.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

namespace parley::test {

Samples parse_samples(std::string_view text) {
  Samples samples;
  std::string name;
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) {
    if (line.empty() || line.front() == '#') continue;
    std::istringstream words(line);
    if (line.front() != ' ') {
      words >> name;
      EXPECT_FALSE(samples.contains(name)) << name << " is there twice";
      samples[name];
    }
    for (std::string digits; words >> digits;) samples[name] += digits;
  }
  return samples;
}

std::string sample_blocks(std::string_view markdown) {
  std::string blocks;
  std::istringstream lines{std::string(markdown)};
  bool inside = false;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("```")) inside = !inside && line == "```sample";
    else if (inside) blocks += line + '\n';
  }
  return blocks;
}

std::string source_file(const std::string& path) {
  const char* root = std::getenv("PARLEY_TEST_SOURCE");
  const std::string full = std::string(root ? root : ".") + "/" + path;
  std::ifstream file(full, std::ios::binary);
  EXPECT_TRUE(file) << full;
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

void expect_contains(const Samples& written, const Samples& computed) {
  for (const auto& [name, bytes] : computed) {
    const auto found = written.find(name);
    if (found == written.end()) ADD_FAILURE() << "missing: " << name << "  " << bytes;
    else EXPECT_EQ(found->second, bytes) << name;
  }
}

void expect_same(const Samples& written, const Samples& computed) {
  expect_contains(written, computed);
  for (const auto& [name, bytes] : written)
    EXPECT_TRUE(computed.contains(name)) << name << " is written down and not computed";
}

}  // namespace parley::test
