// The property of everything that cuts a stream into records: where the stream was cut on the way changes
// nothing. Input: a seed for the cuts, then the stream.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/random.h"
#include "proto/channel.h"
#include "proto/limits.h"
#include "tests/fuzz/fuzz.h"

namespace parley::fuzz {

struct Split {
  std::vector<std::string> records;
  bool refused = false;  // a length that is not allowed: nothing after it counts
};

// What the records are, by the simplest way there is.
inline Split split_at_once(std::string_view stream) {
  Split split;
  for (;;) {
    const auto length = record_length(stream, limits::record_max);
    if (!length) split.refused = true;
    if (!length || !*length || stream.size() < limits::record_prefix_bytes + **length) return split;
    split.records.emplace_back(stream.substr(limits::record_prefix_bytes, **length));
    stream.remove_prefix(limits::record_prefix_bytes + **length);
  }
}

// Splitter: void receive(std::span<char>), Result<std::optional<std::span<char>>> take_record(max).
template <typename Splitter>
Split split_in_pieces(std::string stream, Random& chance) {
  Splitter splitter;
  Split split;
  std::span<char> rest(stream);
  while (!rest.empty() && !split.refused) {
    // Mostly tiny pieces: the ends of prefixes are where splitters go wrong.
    const std::size_t most =
        chance.below(4) == 0 ? rest.size() : std::min<std::size_t>(4, rest.size());
    const std::size_t size = 1 + chance.below(most);
    splitter.receive(rest.first(size));
    rest = rest.subspan(size);
    for (;;) {
      const auto record = splitter.take_record(limits::record_max);
      if (!record) split.refused = true;
      if (!record || !*record) break;
      split.records.emplace_back((*record)->data(), (*record)->size());
    }
  }
  return split;
}

template <typename Splitter>
int check_splitter(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  Random chance(input.number<std::uint16_t>());
  const Split expected = split_at_once(input.rest());
  const Split pieces = split_in_pieces<Splitter>(std::string(input.rest()), chance);
  PARLEY_ASSERT(pieces.records == expected.records);
  PARLEY_ASSERT(pieces.refused == expected.refused);
  return 0;
}

}  // namespace parley::fuzz
