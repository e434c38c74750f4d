// Bounds of what is remembered, for every implementation of the interfaces in this folder.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "proto/limits.h"
#include "store/event_store.h"
#include "store/log_store.h"

namespace parley::limits {

// Ids and numbers are PostgreSQL's bigint. Beyond: internal.
inline constexpr std::uint64_t stored_number_max = (1ULL << 63) - 1;
// A log entry's body; no request can carry more. Beyond: the entry alone fails with too_large.
inline constexpr std::size_t entry_body_max = record_max;
// Entries and their bytes in one statement; append cuts a longer batch into several.
inline constexpr std::size_t append_entries_max = 1'000;
inline constexpr std::size_t append_bytes_max = 4 << 20;
// The device that was used longest ago is forgotten.
inline constexpr std::size_t devices_max = 10;
// One page of a user's conversations; more is cut to this.
inline constexpr std::uint32_t conversations_page_max = 1'000;
// One page of events; more is cut to this. And of conversations that are swept, of rows that are
// removed, in one statement: whoever has more to do calls again.
inline constexpr std::uint32_t events_page_max = 500;
inline constexpr std::size_t events_page_bytes_max = 256 << 10;
inline constexpr std::uint32_t sweep_conversations_max = 500;
inline constexpr std::uint32_t events_trim_max = 1'000;
// Kinds below it are what a person may leave unread; those from it on (recalls, edits, membership)
// are not counted.
inline constexpr std::uint16_t uncounted_kind = 256;

static_assert(entry_body_max <= append_bytes_max, "every entry fits into some statement");

}  // namespace parley::limits

namespace parley {

// A page bound that no caller can drive beyond the limits or to nothing at all.
inline PageBound within_limits(PageBound bound) {
  return {std::clamp(bound.entries, std::uint32_t{1}, limits::page_max),
          std::min(bound.bytes, limits::page_bytes_max)};
}

inline EventBound within_limits(EventBound bound) {
  return {std::clamp(bound.events, std::uint32_t{1}, limits::events_page_max),
          std::min(bound.bytes, limits::events_page_bytes_max)};
}

// Nothing, or why this entry can never be stored.
Status check_entry(const NewEntry& entry);

}  // namespace parley
