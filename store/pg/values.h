// Our types as PostgreSQL's, in both directions.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "base/assert.h"
#include "base/ids.h"
#include "store/limits.h"
#include "store/pg/connection.h"

namespace parley {

// Numbers beyond bigint become its largest, which is no id of anything.
inline std::int64_t to_bigint(std::uint64_t value) {
  return static_cast<std::int64_t>(std::min(value, limits::stored_number_max));
}
template <typename Tag>
std::int64_t to_bigint(Id<Tag> id) {
  return to_bigint(id.value);
}
// All 64 bits count; half of the ids look negative.
inline std::int64_t to_bigint(DeviceId id) { return std::bit_cast<std::int64_t>(id.value); }
inline std::int64_t to_bigint(InstanceId id) { return std::bit_cast<std::int64_t>(id.value); }
// Users that cannot exist become 0, which does not.
inline std::int32_t to_integer(UserId user) {
  return is_valid(user) ? static_cast<std::int32_t>(user.value) : 0;
}
template <std::size_t size>
std::string_view to_bytes(const std::array<std::uint8_t, size>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), size};
}

template <typename Id>
Id id_at(const PgRows& rows, int row, int column) {
  return Id{static_cast<std::uint64_t>(rows.bigint(row, column))};
}
inline UserId user_at(const PgRows& rows, int row, int column) {
  return UserId{static_cast<std::uint64_t>(rows.integer(row, column))};
}
// Zeros for NULL.
template <std::size_t size>
std::array<std::uint8_t, size> array_at(const PgRows& rows, int row, int column) {
  std::array<std::uint8_t, size> array{};
  if (rows.is_null(row, column)) return array;
  const std::string_view bytes = rows.bytes(row, column);
  PARLEY_ASSERT(bytes.size() == size);
  std::memcpy(array.data(), bytes.data(), size);
  return array;
}

}  // namespace parley
