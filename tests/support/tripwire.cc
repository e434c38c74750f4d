#include "tests/support/tripwire.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "base/assert.h"

namespace parley::test {
namespace {

using Then = Tripwire::Judgement::Then;

constexpr Duration keep_limit = 50ms;
constexpr std::size_t answer_max = 128 * 1024;

class AfterBytes final : public Tripwire {
 public:
  explicit AfterBytes(std::size_t count) : left_(count) { PARLEY_ASSERT(count > 0); }
  Judgement see(std::string_view bytes, Instant) override {
    const std::size_t pass = std::min(left_, bytes.size());
    left_ -= pass;
    return {pass, left_ == 0 ? Then::cut : Then::go_on};
  }
  Judgement turn(Instant) override { return {}; }

 private:
  std::size_t left_;
};

class AtPattern final : public Tripwire {
 public:
  AtPattern(std::string pattern, Keep keep) : scanner_(std::move(pattern)), keep_(keep) {}

  Judgement see(std::string_view bytes, Instant now) override {
    const auto match = scanner_.find(bytes);
    if (match) {
      const std::size_t through = kept_ + *match;
      return {keep_ == Keep::through_match ? through
                                           : through - std::min(scanner_.size(), through),
              Then::cut};
    }
    const std::size_t all = kept_ + bytes.size();
    kept_ = keep_ == Keep::before_match ? std::min(scanner_.partial(), all) : 0;
    if (kept_ > 0) let_go_at_ = now + keep_limit;
    return {all - kept_};
  }
  Judgement turn(Instant now) override {
    if (kept_ == 0 || now < let_go_at_) return {};
    return {std::exchange(kept_, 0)};
  }
  std::optional<Instant> wakes_at() const override {
    if (kept_ == 0) return std::nullopt;
    return let_go_at_;
  }

 private:
  PatternScanner scanner_;
  Keep keep_;
  std::size_t kept_ = 0;
  Instant let_go_at_{};
};

class LoseAnswer final : public Tripwire {
 public:
  LoseAnswer(std::string pattern, AnswerJudge judge)
      : request_(std::move(pattern)), judge_(std::move(judge)) {}

  void see_opposite(std::string_view bytes) override {
    if (request_.find(bytes)) is_awaited_ = true;
  }
  Judgement see(std::string_view bytes, Instant) override {
    if (!is_awaited_) return {bytes.size()};
    answer_ += bytes;
    const auto fate = judge_(answer_);
    if (fate == Fate::lose) return {0, Then::cut};
    if (!fate && answer_.size() <= answer_max) return {};
    is_awaited_ = false;
    return {std::exchange(answer_, {}).size()};
  }
  Judgement turn(Instant) override { return {}; }

 private:
  PatternScanner request_;
  AnswerJudge judge_;
  bool is_awaited_ = false;
  std::string answer_;
};

std::uint32_t big_endian_at(std::string_view bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i)
    value = value << 8 | static_cast<std::uint8_t>(bytes[at + i]);
  return value;
}

}  // namespace

std::unique_ptr<Tripwire> cut_after_bytes(std::size_t count) {
  return std::make_unique<AfterBytes>(count);
}

std::unique_ptr<Tripwire> cut_at_pattern(std::string pattern, Keep keep) {
  return std::make_unique<AtPattern>(std::move(pattern), keep);
}

std::unique_ptr<Tripwire> lose_answer(std::string pattern, AnswerJudge judge) {
  return std::make_unique<LoseAnswer>(std::move(pattern), std::move(judge));
}

PatternScanner::PatternScanner(std::string pattern)
    : pattern_(std::move(pattern)), fallback_(pattern_.size(), 0) {
  PARLEY_ASSERT(!pattern_.empty());
  for (std::size_t i = 1, length = 0; i < pattern_.size();) {
    if (pattern_[i] == pattern_[length]) fallback_[i++] = ++length;
    else if (length > 0) length = fallback_[length - 1];
    else ++i;
  }
}

std::optional<std::size_t> PatternScanner::find(std::string_view bytes) {
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    while (matched_ > 0 && bytes[i] != pattern_[matched_]) matched_ = fallback_[matched_ - 1];
    if (bytes[i] == pattern_[matched_]) ++matched_;
    if (matched_ < pattern_.size()) continue;
    matched_ = 0;
    return i + 1;
  }
  return std::nullopt;
}

// Bind: the portal's name (none), the statement's name, and the number of parameter formats, of which the
// first byte is zero. Parse has the statement's text there.
std::string append_request() {
  using namespace std::string_literals;
  return "\0log_append\0\0"s;
}

// Messages: a byte that says the type; the length, which counts itself; the rest.
std::optional<Fate> judge_commit(std::string_view answer) {
  bool is_refused = false;
  for (std::size_t at = 0; at + 5 <= answer.size();) {
    const std::size_t end = at + 1 + big_endian_at(answer, at + 1);
    if (end > answer.size()) return std::nullopt;
    if (end < at + 5) return Fate::pass;  // no PostgreSQL speaks so
    if (answer[at] == 'E') is_refused = true;
    if (answer[at] == 'Z')
      return !is_refused && answer.substr(at + 5, 1) == "I" ? Fate::lose : Fate::pass;
    at = end;
  }
  return std::nullopt;
}

}  // namespace parley::test
