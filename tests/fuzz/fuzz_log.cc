// Whatever is logged is one line of JSON that says the same: no byte of it can end the line, open another field or
// reach a terminal. Input: how long the event and each text is, then numbers and texts.
#include <bit>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "base/log.h"
#include "base/utf8.h"
#include "tests/fuzz/fuzz.h"

namespace parley {
namespace {

// What is written to stderr in its life; assertions must not be.
class Captured {
 public:
  Captured() { std::swap(stderr, stream_); }
  ~Captured() {
    stop();
    std::free(bytes_);
  }
  std::string_view stop() {
    if (stream_ != nullptr) {
      std::swap(stderr, stream_);
      std::fclose(std::exchange(stream_, nullptr));
    }
    return {bytes_, size_};
  }

 private:
  char* bytes_ = nullptr;
  std::size_t size_ = 0;
  std::FILE* stream_ = open_memstream(&bytes_, &size_);
};

// What a reader of the log gets of a text: each byte that is no UTF-8 has become U+FFFD.
std::string legible(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const auto point = first_code_point(text);
    out += point ? text.substr(0, point->bytes) : "\xEF\xBF\xBD";
    text.remove_prefix(point ? point->bytes : 1);
  }
  return out;
}

void check_line(std::string_view line) {
  PARLEY_ASSERT(line.ends_with('\n') && is_utf8(line));
  line.remove_suffix(1);
  while (!line.empty()) {
    const auto point = first_code_point(line);
    PARLEY_ASSERT(!is_control(point->value) && !is_bidi_control(point->value));
    line.remove_prefix(point->bytes);
  }
}

void try_line(fuzz::Input input) {
  const auto whole = std::bit_cast<std::int64_t>(input.number<std::uint64_t>());
  const auto real = std::bit_cast<double>(input.number<std::uint64_t>());
  const std::string_view event = input.take(input.number<std::uint8_t>());
  const std::string_view name = input.take(input.number<std::uint8_t>());
  const std::string_view text = input.rest();
  Captured captured;
  log::warn(event, {{"whole", whole}, {"real", real}, {"yes", true}, {"text", text}, {name, text}});
  const std::string line(captured.stop());

  check_line(line);
  const auto json = nlohmann::json::parse(line, nullptr, false);
  PARLEY_ASSERT(json.is_object());
  if (legible(name) != "event") PARLEY_ASSERT(json.at("event") == legible(event));
  if (legible(name) != "level") PARLEY_ASSERT(json.at("level") == "warn");
  if (legible(name) != "whole") PARLEY_ASSERT(json.at("whole") == whole);
  if (legible(name) != "text") PARLEY_ASSERT(json.at("text") == legible(text));
  PARLEY_ASSERT(json.at(legible(name)) == legible(text));
}

}  // namespace
}  // namespace parley

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  parley::try_line({data, size});
  return 0;
}
