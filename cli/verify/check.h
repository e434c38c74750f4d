// Judges a history: each anomaly of RELIABILITY §2 that Parley's present verbs can show is one
// rule, a small function over the indexed history. Pure. A rule that is never broken by a planted
// history is worth nothing: tests/unit/cli/verify/ plants each.
#pragma once

#include <cstddef>
#include <iosfwd>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/verify/index.h"

namespace parley::verify {

// What a run must have had to prove anything; with less the verdict is `unknown`, never `valid`.
struct Needed {
  enum class Dump { required, if_there };
  std::size_t acked = 1;
  std::size_t effective_faults = 0;
  Dump dump = Dump::required;
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
  // What the history could not show, because nobody recorded it: the verdict does not cover it.
  std::vector<std::string> uncovered = {};

  bool has(std::string_view anomaly) const;
};

Verdict judge(const History& history, Needed needed);

// "valid", or each anomaly with its first examples, or why nothing is known: for people.
std::string describe(const Verdict& verdict);

// A rule adds what it finds. What it cannot see without a dump of the database, it does not judge.
struct Rule {
  enum class NeedsDump { no, partly, yes };
  std::string_view anomaly;
  std::string_view sentence;
  void (*check)(const HistoryIndex& index, std::vector<std::string>& found);
  NeedsDump needs_dump = NeedsDump::no;
};
std::span<const Rule> durability_rules();  // A1 … A5: rules_durability.cc
std::span<const Rule> identity_rules();    // A6 … A8, L6: rules_identity.cc
std::span<const Rule> order_rules();       // B1 … B5: rules_order.cc
std::span<const Rule> sync_rules();        // B6 … B12: rules_sync.cc
std::span<const Rule> receipt_rules();     // C…: rules_receipts.cc
std::span<const Rule> session_rules();     // D…, F…: rules_sessions.cc
std::span<const Rule> liveness_rules();    // L…: rules_liveness.cc
// All of them.
std::vector<Rule> all_rules();

// "3.17 of 2147483650": a place in a log, for findings.
std::string place(ConversationId conversation, Seq seq);
std::string name_of(const MessageKey& key);

}  // namespace parley::verify
