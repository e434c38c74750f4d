#include "store/pg/append_plan.h"

#include <algorithm>
#include <tuple>

#include "base/assert.h"
#include "store/limits.h"

namespace parley {
namespace {

Result<Appended> repeat_of(const StoredEntry& stored, const NewEntry& entry) {
  if (stored.kind == entry.kind && stored.body == entry.body) {
    return Appended{stored.seq, stored.time_ms, true};
  }
  return fail(Errc::conflict, "client id was used for another entry");
}

// Exactly-once's key.
auto key_of(const NewEntry& entry) {
  return std::tie(entry.conversation, entry.sender, entry.client_id);
}
auto key_of(const StoredEntry& entry) {
  return std::tie(entry.conversation, entry.sender, entry.client_id);
}

}  // namespace

AppendPlan::AppendPlan(std::span<const NewEntry> entries) : entries_(entries) {
  results_.reserve(entries.size());
  for (std::uint32_t row = 0; row < entries.size(); ++row) {
    results_.emplace_back(fail(Errc::internal, "append left an entry without an answer"));
    if (Status valid = check_entry(entries[row]); valid)
      rows_.push_back(row);
    else
      results_.back() = tl::unexpected(std::move(valid).error());
  }
  std::ranges::sort(rows_, {},
                    [&](std::uint32_t row) { return std::pair(entries_[row].conversation, row); });
  find_repeats();
}

// Per conversation, since most batches hold one entry of each.
void AppendPlan::find_repeats() {
  std::vector<bool> repeated(entries_.size());
  std::vector<std::uint32_t> group;
  for (auto begin = rows_.begin(); begin != rows_.end();) {
    const auto end = std::find_if(begin, rows_.end(), [&](std::uint32_t row) {
      return entries_[row].conversation != entries_[*begin].conversation;
    });
    group.assign(begin, end);
    begin = end;
    std::ranges::sort(group, [&](std::uint32_t a, std::uint32_t b) {
      const auto& [x, y] = std::tie(entries_[a], entries_[b]);
      return std::tie(x.sender, x.client_id, a) < std::tie(y.sender, y.client_id, b);
    });
    std::uint32_t first = group.front();
    for (const std::uint32_t row : std::span(group).subspan(1)) {
      if (key_of(entries_[row]) != key_of(entries_[first])) {
        first = row;
      } else {
        repeats_.push_back({row, first});
        repeated[row] = true;
      }
    }
  }
  if (!repeats_.empty()) std::erase_if(rows_, [&](std::uint32_t row) { return repeated[row]; });
}

AppendPlan::Rows AppendPlan::next_chunk() {
  const std::size_t begin = next_row_;
  std::size_t bytes = 0;
  while (next_row_ < rows_.size() && next_row_ - begin < limits::append_entries_max) {
    bytes += entries_[rows_[next_row_]].body.size();
    if (bytes > limits::append_bytes_max) break;
    ++next_row_;
  }
  return Rows(rows_).subspan(begin, next_row_ - begin);
}

void AppendPlan::written(Rows rows, std::vector<Base> bases) {
  std::ranges::sort(bases, {}, &Base::conversation);
  auto base = bases.begin();
  for (const std::uint32_t row : rows) {
    const NewEntry& entry = entries_[row];
    while (base != bases.end() && base->conversation < entry.conversation) ++base;
    if (base == bases.end() || base->conversation != entry.conversation) {
      results_[row] = fail(Errc::not_found, "conversation was never opened");
      continue;
    }
    base->head = Seq{base->head.value + 1};
    results_[row] = Appended{base->head, entry.time_ms, false};
  }
}

std::vector<std::uint32_t> AppendPlan::settle(Rows rows, std::vector<StoredEntry> stored) {
  std::ranges::sort(stored, {}, [](const StoredEntry& entry) { return key_of(entry); });
  std::vector<std::uint32_t> others;
  for (const std::uint32_t row : rows) {
    const NewEntry& entry = entries_[row];
    const auto found = std::lower_bound(
        stored.begin(), stored.end(), entry,
        [](const StoredEntry& a, const NewEntry& b) { return key_of(a) < key_of(b); });
    const bool is_there = found != stored.end() && key_of(*found) == key_of(entry);
    if (is_there)
      results_[row] = repeat_of(*found, entry);
    else
      others.push_back(row);
  }
  return others;
}

void AppendPlan::refuse(Rows rows, const Error& error) {
  for (const std::uint32_t row : rows) results_[row] = tl::unexpected(error);
}

std::vector<std::uint32_t> AppendPlan::settle_repeats() {
  std::vector<std::uint32_t> open;
  for (const auto& [row, first] : repeats_) {
    const Result<Appended>& answer = results_[first];
    const NewEntry& former = entries_[first];
    if (answer) {
      const StoredEntry stored{former.conversation, former.sender, former.client_id,
                               answer->seq,         former.kind,   std::string(former.body),
                               answer->time_ms};
      results_[row] = repeat_of(stored, entries_[row]);
    } else if (answer.error().code == Errc::conflict) {
      open.push_back(row);
    } else {
      results_[row] = tl::unexpected(answer.error());
    }
  }
  return open;
}

}  // namespace parley
