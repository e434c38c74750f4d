#include "store/pg/params.h"

namespace parley {
namespace {

// The wire is big-endian; base/ has asserted what we are.
std::uint32_t big_endian(std::uint32_t value) { return __builtin_bswap32(value); }
std::uint64_t big_endian(std::uint64_t value) { return __builtin_bswap64(value); }

}  // namespace

void PgParams::reset() {
  bytes_.clear();
  slots_.clear();
}

void PgParams::begin_slot() { slots_.push_back({bytes_.size(), bytes_.size(), false}); }

void PgParams::put(std::uint32_t value) {
  value = big_endian(value);
  bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void PgParams::put(std::uint64_t value) {
  value = big_endian(value);
  bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void PgParams::add(std::int64_t value) {
  begin_slot();
  put(static_cast<std::uint64_t>(value));
  end_slot();
}

void PgParams::add(std::int32_t value) {
  begin_slot();
  put(static_cast<std::uint32_t>(value));
  end_slot();
}

void PgParams::add(std::string_view bytes) {
  begin_slot();
  bytes_.append(bytes);
  end_slot();
}

void PgParams::add_null() {
  begin_slot();
  slots_.back().is_null = true;
}

// array_send(): dimensions, has-nulls flag, element type, then per dimension its length and lower
// bound.
void PgParams::add_array(PgType type, std::size_t size) {
  begin_slot();
  put(std::uint32_t{size == 0 ? 0U : 1U});
  put(std::uint32_t{0});
  put(static_cast<std::uint32_t>(type));
  if (size != 0) {
    put(static_cast<std::uint32_t>(size));
    put(std::uint32_t{1});
  }
  end_slot();
}

void PgParams::element(std::int64_t value) {
  put(std::uint32_t{sizeof value});
  put(static_cast<std::uint64_t>(value));
  end_slot();
}

void PgParams::element(std::int32_t value) {
  put(std::uint32_t{sizeof value});
  put(static_cast<std::uint32_t>(value));
  end_slot();
}

void PgParams::element(std::string_view bytes) {
  put(static_cast<std::uint32_t>(bytes.size()));
  bytes_.append(bytes);
  end_slot();
}

const char* const* PgParams::values() {
  values_.clear();
  for (const Slot& slot : slots_) {
    values_.push_back(slot.is_null ? nullptr : bytes_.data() + slot.begin);
  }
  return values_.data();
}

const int* PgParams::sizes() {
  sizes_.clear();
  for (const Slot& slot : slots_) sizes_.push_back(static_cast<int>(slot.end - slot.begin));
  return sizes_.data();
}

const int* PgParams::formats() {
  formats_.assign(slots_.size(), 1);
  return formats_.data();
}

}  // namespace parley
