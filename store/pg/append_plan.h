// What a batch of appends asks of the database, worked out without one: which entries are well
// formed, which of them say the same thing twice, and in which order the rows are written. Pure.
//
// Rows are in ascending order of conversation, so that two batches lock heads in one order, and
// within a conversation in the order of the batch, so that numbers follow it.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "store/log_store.h"

namespace parley {

// An entry as the database knows it.
struct StoredEntry {
  ConversationId conversation;
  UserId sender;
  ClientMessageId client_id{};
  Seq seq;
  std::uint16_t kind = 0;
  std::string body;
  std::int64_t time_ms = 0;
};

// The newest number of a conversation before a statement's rows were added.
struct Base {
  ConversationId conversation;
  Seq head;
};

class AppendPlan {
 public:
  using Rows = std::span<const std::uint32_t>;  // indices of entries

  // Requires: `entries` outlives the plan.
  explicit AppendPlan(std::span<const NewEntry> entries);

  const NewEntry& entry(std::uint32_t row) const { return entries_[row]; }
  // What is still to be written, at most as much as one statement should carry; empty at the end.
  Rows next_chunk();

  // `rows` (of one chunk, in its order) were written behind these bases; rows whose conversation
  // has no base were not: not_found.
  void written(Rows rows, std::vector<Base> bases);
  // Those of `rows` that are among `stored` are answered; returns the others, in order.
  std::vector<std::uint32_t> settle(Rows rows, std::vector<StoredEntry> stored);
  void refuse(Rows rows, const Error& error);

  // Entries that repeat one of the same batch, which itself was in conflict with what is stored:
  // whether these are depends on the stored one.
  std::vector<std::uint32_t> settle_repeats();
  // Requires: every row was written, settled or refused, and the rows of settle_repeats too.
  std::vector<Result<Appended>> take_results() { return std::move(results_); }

 private:
  void find_repeats();

  std::span<const NewEntry> entries_;
  std::vector<Result<Appended>> results_;
  std::vector<std::uint32_t> rows_;
  std::size_t next_row_ = 0;
  struct Repeat {
    std::uint32_t row;
    std::uint32_t first;
  };
  std::vector<Repeat> repeats_;
};

}  // namespace parley
