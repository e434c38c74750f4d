#include "cli/verify/check.h"

#include <algorithm>
#include <map>

namespace parley::verify {
namespace {

void apply(const Rule& rule, const HistoryIndex& index, Verdict& verdict) {
  std::vector<std::string> found;
  rule.check(index, found);
  for (std::string& what : found) verdict.findings.push_back({rule.anomaly, std::move(what)});
}

std::vector<std::string> uncovered_by(const HistoryIndex& index) {
  std::vector<std::string> uncovered;
  const auto add = [&](const Rule& rule, const char* how) {
    uncovered.push_back(std::string(rule.anomaly) + " (" + std::string(rule.sentence) + ") " + how);
  };
  for (const Rule& rule : all_rules()) {
    if (!index.dumped && rule.needs_dump == Rule::NeedsDump::yes)
      add(rule, "not at all: the database was not read");
    if (!index.dumped && rule.needs_dump == Rule::NeedsDump::partly)
      add(rule, "as far as devices saw it: the database was not read");
    const bool needs_gauges = rule.anomaly == "L2" || rule.anomaly == "L4";
    if (!index.gauged && needs_gauges) add(rule, "not at all: no process was watched");
    if (!index.attempts_seen && rule.anomaly == "L5") add(rule, "not at all: no broker was asked");
  }
  return uncovered;
}

std::string count_of(std::size_t there, std::size_t needed, std::string_view what) {
  return "only " + std::to_string(there) + " of " + std::to_string(needed) + " " +
         std::string(what);
}

// Reasons why finding nothing would prove nothing.
std::vector<std::string> doubts_of(const HistoryIndex& index, Needed needed) {
  std::vector<std::string> doubts;
  std::size_t acked = 0;
  std::size_t open = 0;
  for (const auto& [key, message] : index.messages) {
    if (message.first_ok())
      ++acked;
    else if (!message.attempts.empty() && !message.definitely_failed())
      ++open;
  }
  const auto effective = static_cast<std::size_t>(
      std::ranges::count_if(index.faults, [](const Fault* fault) { return fault->effective(); }));
  if (acked < needed.acked)
    doubts.push_back(count_of(acked, needed.acked, "acknowledged messages"));
  if (effective < needed.effective_faults)
    doubts.push_back(count_of(effective, needed.effective_faults, "effective faults"));
  if (effective < index.faults.size())
    doubts.push_back(count_of(effective, index.faults.size(), "faults took hold"));
  if (open > 0) doubts.push_back(std::to_string(open) + " messages whose fate was never learnt");
  if (index.strays > 0) doubts.push_back(std::to_string(index.strays) + " stray records");
  if (!index.dumped && needed.dump == Needed::Dump::required)
    doubts.push_back("no complete dump of the database");
  return doubts;
}

}  // namespace

std::vector<Rule> all_rules() {
  std::vector<Rule> all;
  for (const auto rules : {durability_rules(), identity_rules(), order_rules(), sync_rules(),
                           receipt_rules(), session_rules(), liveness_rules()})
    all.insert(all.end(), rules.begin(), rules.end());
  return all;
}

bool Verdict::has(std::string_view anomaly) const {
  return std::ranges::any_of(findings, [&](const Finding& f) { return f.anomaly == anomaly; });
}

Verdict judge(const History& history, Needed needed) {
  const HistoryIndex index(history);
  Verdict verdict;
  for (const Rule& rule : all_rules()) apply(rule, index, verdict);
  verdict.uncovered = uncovered_by(index);
  verdict.doubts = doubts_of(index, needed);
  if (!verdict.findings.empty())
    verdict.kind = Verdict::Kind::invalid;
  else if (!verdict.doubts.empty())
    verdict.kind = Verdict::Kind::unknown;
  return verdict;
}

std::string describe(const Verdict& verdict) {
  static constexpr const char* names[] = {"valid", "invalid", "unknown"};
  std::string text = names[static_cast<int>(verdict.kind)];
  std::map<std::string_view, std::vector<const Finding*>> by_anomaly;
  for (const Finding& finding : verdict.findings) by_anomaly[finding.anomaly].push_back(&finding);
  for (const auto& [anomaly, findings] : by_anomaly) {
    text += "\n  " + std::string(anomaly) + " x" + std::to_string(findings.size());
    for (std::size_t i = 0; i < std::min<std::size_t>(findings.size(), 3); ++i)
      text += "\n    " + findings[i]->what;
  }
  for (const std::string& doubt : verdict.doubts) text += "\n  doubt: " + doubt;
  for (const std::string& what : verdict.uncovered) text += "\n  not covered: " + what;
  return text;
}

std::string place(ConversationId conversation, Seq seq) {
  return "entry " + std::to_string(seq.value) + " of conversation " +
         std::to_string(conversation.value);
}

std::string name_of(const MessageKey& key) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string name = "message ";
  for (const std::uint8_t byte : key.client_id) name += {digits[byte >> 4], digits[byte & 15]};
  return name + " of user " + std::to_string(key.sender.value) + " in conversation " +
         std::to_string(key.conversation.value);
}

}  // namespace parley::verify
