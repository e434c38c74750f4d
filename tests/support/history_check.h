// Judges a history: each anomaly of RELIABILITY §2 that Parley's present verbs can show is one
// rule, a small function over the indexed history. Pure. A rule that is never broken by a planted
// history is worth nothing: tests/unit/support/history_check_test.cc plants each.
#pragma once

#include <cstddef>
#include <iosfwd>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/history_index.h"

namespace parley::test {

// What a run must have had to prove anything; with less the verdict is `unknown`, never `valid`.
struct Needed {
  std::size_t acked = 1;
  std::size_t effective_faults = 0;
};

struct Finding {
  std::string_view anomaly;  // "A1"
  std::string what;
};

struct Verdict {
  enum class Kind { valid, invalid, unknown };
  Kind kind = Kind::valid;
  std::vector<Finding> findings;         // invalid if any
  std::vector<std::string> doubts = {};  // unknown if any, and nothing was found

  bool has(std::string_view anomaly) const;
};

Verdict judge(const History& history, Needed needed);

// "valid", or each anomaly with its first examples, or why nothing is known: for people.
std::string describe(const Verdict& verdict);

// A rule adds what it finds.
struct Rule {
  std::string_view anomaly;
  std::string_view sentence;
  void (*check)(const HistoryIndex& index, std::vector<std::string>& found);
};
std::span<const Rule> durability_rules();  // A…: history_rules_durability.cc
std::span<const Rule> order_rules();       // B…: history_rules_order.cc
std::span<const Rule> receipt_rules();     // C…: history_rules_receipts.cc

// "3.17 of 2147483650": a place in a log, for findings.
std::string place(ConversationId conversation, Seq seq);
std::string name_of(const MessageKey& key);

}  // namespace parley::test
