#include "tests/e2e/bad_input/mutations.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <optional>

namespace parley::test {
namespace {

// -- protobuf's encoding, by hand: a library would not make mistakes

enum WireType : std::uint32_t {
  varint_type,
  fixed64_type,
  bytes_type,
  group_start,
  group_end,
  fixed32_type
};

std::string varint(std::uint64_t value) {
  std::string out;
  for (; value >= 0x80; value >>= 7) out += static_cast<char>((value & 0x7F) | 0x80);
  return out += static_cast<char>(value);
}
std::string tag(std::uint32_t number, std::uint32_t type) { return varint((number << 3) | type); }
std::string number_field(std::uint32_t number, std::uint64_t value) {
  return tag(number, varint_type) + varint(value);
}
std::string bytes_field(std::uint32_t number, const std::string& value) {
  return tag(number, bytes_type) + varint(value.size()) + value;
}
std::string fixed64_field(std::uint32_t number, std::uint64_t value) {
  std::string out = tag(number, fixed64_type);
  for (int i = 0; i < 8; ++i) out += static_cast<char>(value >> (8 * i));
  return out;
}

std::uint64_t take_varint(std::string_view& in) {
  std::uint64_t value = 0;
  for (unsigned shift = 0; !in.empty(); shift += 7) {
    const auto byte = static_cast<std::uint8_t>(in.front());
    in.remove_prefix(1);
    value |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
    if ((byte & 0x80) == 0) break;
  }
  return value;
}

struct Record {
  std::uint32_t number;
  std::string bytes;  // with its tag
  std::string value;  // of a length-delimited one
};

// Of a good body.
std::vector<Record> records_of(std::string_view in) {
  std::vector<Record> records;
  while (!in.empty()) {
    const std::string_view start = in;
    const std::uint64_t key = take_varint(in);
    std::string value;
    switch (key & 7) {
      case varint_type: take_varint(in); break;
      case fixed64_type: in.remove_prefix(8); break;
      case bytes_type: {
        const std::size_t size = take_varint(in);
        value = in.substr(0, size);
        in.remove_prefix(size);
        break;
      }
      default: ADD_FAILURE() << "the good body is not"; return records;
    }
    records.push_back({static_cast<std::uint32_t>(key >> 3),
                       std::string(start.substr(0, start.size() - in.size())), value});
  }
  return records;
}

// A message's body with one field replaced by something else.
std::string with(const std::vector<Record>& records, std::uint32_t number,
                 const std::string& instead) {
  std::string body;
  for (const Record& record : records)
    if (record.number != number) body += record.bytes;
  return body + instead;
}

// -- what can be wrong

constexpr std::uint32_t unknown_field = 1'000;

struct Bytes {
  const char* name;
  std::string bytes;
};

// In as few bytes as it takes.
std::string nested(std::size_t depth) {
  constexpr std::uint32_t unknown_field_of_one_byte = 15;
  return std::string(depth, tag(unknown_field_of_one_byte, group_start)[0]) +
         std::string(depth, tag(unknown_field_of_one_byte, group_end)[0]);
}

std::vector<Bytes> malformed_tails() {
  return {{"a byte of garbage", "\xff"},
          {"garbage", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"},
          {"a tag without a value", tag(unknown_field, varint_type)},
          {"a field with the number 0", std::string("\x00\x01", 2)},
          {"wire type 6", tag(unknown_field, 6) + "\x01"},
          {"wire type 7", tag(unknown_field, 7) + "\x01"},
          {"the end of a group that did not begin", tag(unknown_field, group_end)},
          {"a group that does not end", tag(unknown_field, group_start)},
          {"a group that ends as another",
           tag(unknown_field, group_start) + tag(unknown_field + 1, group_end)},
          {"150 groups in each other", nested(150)},
          {"1,000 groups in each other", nested(1'000)},
          {"a number of 11 bytes",
           tag(unknown_field, varint_type) + std::string(10, '\xff') + "\x01"},
          {"a length that is not there", tag(unknown_field, bytes_type) + varint(100) + "x"},
          {"a length of 2^31", tag(unknown_field, bytes_type) + varint(1ULL << 31) + "x"},
          {"a length of 2^32-1", tag(unknown_field, bytes_type) + varint((1ULL << 32) - 1)},
          {"a length of 2^64-1", tag(unknown_field, bytes_type) + varint(~0ULL)},
          {"four bytes of eight", tag(unknown_field, fixed64_type) + "1234"}};
}

std::vector<Bytes> harmless_tails() {
  return {{"an unknown number", number_field(unknown_field, 7)},
          {"unknown bytes", bytes_field(unknown_field, "news from a later release")},
          {"an unknown fixed64", fixed64_field(unknown_field, 7)},
          {"an unknown fixed32", tag(unknown_field, fixed32_type) + "1234"},
          {"an unknown group", tag(unknown_field, group_start) + number_field(1, 1) +
                                   tag(unknown_field, group_end)},
          {"the greatest field number", number_field((1U << 29) - 1, 7)}};
}

std::vector<Bytes> no_texts() {
  return {{"no UTF-8", "\xff\xfe"},       {"an overlong form", "\xc0\xaf"},
          {"a surrogate", "\xed\xa0\x80"}, {"beyond U+10FFFF", "\xf4\x90\x80\x80"},
          {"a character that is cut off", "\xf0\x9f\x98"}, {"a lone continuation", "a\x80z"}};
}

class Mutator {
 public:
  Mutator(std::size_t list_max, std::size_t body_max) : list_max_(list_max), body_max_(body_max) {}

  // `wrap` puts the message's bytes to where they belong in the whole body.
  using Wrap = std::function<std::string(const std::string&)>;
  void message(const std::string& name, const std::string& path, const std::string& good,
               const Wrap& wrap) {
    const auto add = [&](const char* what, const std::string& bytes, Expected expected) {
      mutations_.push_back({path + what, "", wrap(bytes), expected});
    };
    for (const Bytes& tail : malformed_tails())
      add(tail.name, good + tail.bytes, Expected::bad_request);
    for (const Bytes& tail : harmless_tails()) add(tail.name, good + tail.bytes, Expected::reply);
    const auto records = records_of(good);
    if (!good.empty())
      add("cut short", good.substr(0, good.size() - 1), Expected::bad_request);
    for (const SchemaField& field : schema().at(name)) {
      EXPECT_TRUE(field.repeated || field.kind == FieldKind::flag ||
                  std::ranges::count(records, field.number, &Record::number) == 1)
          << name << "." << field.name << ": the good body must have it, so that it is tried";
      one_field(name, field, path, records, wrap);
    }
  }
  std::vector<Mutation> take() { return std::move(mutations_); }

 private:
  void one_field(const std::string& message_name, const SchemaField& field, const std::string& path,
                 const std::vector<Record>& records, const Wrap& wrap) {
    const std::uint32_t n = field.number;
    const auto found = std::ranges::find(records, n, &Record::number);
    const Record own = found == records.end() ? Record{n, "", ""} : *found;
    const auto add = [&](const std::string& what, const std::string& instead, Expected expected) {
      mutations_.push_back({path + field.name + ": " + what, message_name + "." + field.name,
                            wrap(with(records, n, instead)), expected});
    };
    add("missing", "", Expected::as_missing);
    if (!field.repeated) add("twice", own.bytes + own.bytes, Expected::reply);
    wrong_wire_types(field, add);
    switch (field.kind) {
      case FieldKind::text:
        for (const Bytes& bad : no_texts())
          add(bad.name, bytes_field(n, bad.bytes), Expected::bad_request);
        [[fallthrough]];
      case FieldKind::bytes:
        add("empty", bytes_field(n, ""), field.repeated ? Expected::reply : Expected::as_missing);
        add("larger than the verb's body", bytes_field(n, std::string(body_max_, 'x')),
            Expected::too_large);
        break;
      case FieldKind::message:
        add("empty", bytes_field(n, ""), Expected::as_missing);
        add("of garbage", bytes_field(n, "\xff\xff\xff"), Expected::bad_request);
        message(field.message, path + field.name + ".", own.value, [&](const std::string& inner) {
          return wrap(with(records, n, bytes_field(n, inner)));
        });
        break;
      default:
        numbers(field, add);
    }
    if (field.repeated) lists(field, add);
  }

  // Protobuf ignores a known field of another type like an unknown one.
  template <typename Add>
  void wrong_wire_types(const SchemaField& field, const Add& add) {
    const std::uint32_t n = field.number;
    const bool is_number = field.kind != FieldKind::text && field.kind != FieldKind::bytes &&
                           field.kind != FieldKind::message;
    if (!is_number || field.kind == FieldKind::fixed64)
      add("wire type 0", number_field(n, 7), Expected::as_missing);
    if (field.kind != FieldKind::fixed64)
      add("wire type 1", fixed64_field(n, 7), Expected::as_missing);
    if (is_number && !field.repeated)
      add("wire type 2", bytes_field(n, "\x07"), Expected::as_missing);
    add("wire type 5", tag(n, fixed32_type) + "1234", Expected::as_missing);
    add("wire type 6", tag(n, 6) + "1", Expected::bad_request);
  }

  template <typename Add>
  void numbers(const SchemaField& field, const Add& add) {
    const std::uint32_t n = field.number;
    const auto encoded = [&](std::uint64_t value) {
      return field.kind == FieldKind::fixed64 ? fixed64_field(n, value) : number_field(n, value);
    };
    const bool is_small = field.kind == FieldKind::small_integer;
    const std::uint64_t greatest = field.kind == FieldKind::enumeration ? (1ULL << 31) - 1
                                   : is_small                           ? (1ULL << 32) - 1
                                                                        : ~0ULL;
    add("0", encoded(0), field.repeated ? Expected::definite : Expected::as_missing);
    add("the greatest", encoded(greatest), Expected::as_greatest);
    for (const auto& [name, value] :
         {std::pair{"1", 1ULL}, std::pair{"99", 99ULL}, std::pair{"2^31-1", (1ULL << 31) - 1},
          std::pair{"2^31", 1ULL << 31}, std::pair{"2^32-1", (1ULL << 32) - 1},
          std::pair{"2^32", 1ULL << 32}, std::pair{"2^53", 1ULL << 53},
          std::pair{"2^63-1", (1ULL << 63) - 1}, std::pair{"2^63", 1ULL << 63},
          std::pair{"-1", ~0ULL}})
      add(name, encoded(value), Expected::definite);
  }

  template <typename Add>
  void lists(const SchemaField& field, const Add& add) {
    const auto list = [&](std::size_t size, const std::function<std::uint64_t(std::size_t)>& of) {
      std::string all;
      for (std::size_t i = 0; i < size; ++i)
        all += field.kind == FieldKind::text
                   ? bytes_field(field.number, "nobody-" + std::to_string(of(i)))
                   : number_field(field.number, field.kind == FieldKind::enumeration ? 1 : of(i));
      return all;
    };
    const auto each = [](std::size_t i) { return i + 1; };
    const auto same = [](std::size_t) { return 1; };
    add("one", list(1, each), Expected::reply);
    if (list_max_ == 0) return;
    add("as many as may be", list(list_max_, each), Expected::reply);
    add("as many, all the same", list(list_max_, same), Expected::reply);
    add("one more than may be", list(list_max_ + 1, each), Expected::bad_request);
  }

  std::size_t list_max_;
  std::size_t body_max_;
  std::vector<Mutation> mutations_;
};

}  // namespace

std::vector<Mutation> mutations_of(const std::string& message, const std::string& good,
                                   std::size_t list_max, std::size_t body_max) {
  Mutator mutator(list_max, body_max);
  mutator.message(message, "", good, [](const std::string& bytes) { return bytes; });
  return mutator.take();
}

}  // namespace parley::test
