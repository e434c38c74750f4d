// The parameters of one statement in PostgreSQL's binary format, built in buffers that are used
// again. One object per connection; reset() before each statement.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace parley {

// Element types of arrays: pg_type.oid of the built-in types, which never changes.
enum class PgType : std::uint32_t { bytea = 17, bigint = 20, integer = 23, text = 25, uuid = 2950 };

class PgParams {
 public:
  void reset();

  // Each starts a parameter.
  void add(std::int64_t value);
  void add(std::int32_t value);
  void add(std::string_view bytes);  // bytea, uuid and text alike
  void add_null();
  // Starts an array; exactly `size` calls of element() of its type must follow.
  void add_array(PgType type, std::size_t size);
  void element(std::int64_t value);
  void element(std::int32_t value);
  void element(std::string_view bytes);

  // As libpq takes them; valid until the next change.
  int count() const { return static_cast<int>(slots_.size()); }
  const char* const* values();
  const int* sizes();
  const int* formats();

 private:
  struct Slot {
    std::size_t begin;
    std::size_t end;
    bool is_null;
  };
  void begin_slot();
  void put(std::uint32_t value);
  void put(std::uint64_t value);
  void end_slot() { slots_.back().end = bytes_.size(); }

  std::string bytes_;
  std::vector<Slot> slots_;
  std::vector<const char*> values_;
  std::vector<int> sizes_;
  std::vector<int> formats_;
};

}  // namespace parley
