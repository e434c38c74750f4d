#include "tests/support/tripwire.h"

#include <gtest/gtest.h>

namespace parley::test {
namespace {

using namespace std::string_literals;
using Then = Tripwire::Judgement::Then;

constexpr Instant start{1h};

// What a wire lets pass of these reads, and whether it cuts at the end of that.
struct Outcome {
  std::string passed;
  bool is_cut = false;
  bool operator==(const Outcome&) const = default;
};
void PrintTo(const Outcome& outcome, std::ostream* out) {
  *out << '"' << outcome.passed << '"' << (outcome.is_cut ? " and cut" : "");
}

class Watched {
 public:
  explicit Watched(std::unique_ptr<Tripwire> wire) : wire_(std::move(wire)) {}
  void see(std::string_view bytes, Instant now = start) {
    if (outcome_.is_cut) return;
    kept_ += bytes;
    obey(wire_->see(bytes, now));
  }
  void turn(Instant now) { obey(wire_->turn(now)); }
  Tripwire& wire() { return *wire_; }
  const Outcome& outcome() const { return outcome_; }

 private:
  void obey(const Tripwire::Judgement& judgement) {
    ASSERT_LE(judgement.pass, kept_.size());
    outcome_.passed += kept_.substr(0, judgement.pass);
    kept_.erase(0, judgement.pass);
    outcome_.is_cut = judgement.then == Then::cut;
  }
  std::unique_ptr<Tripwire> wire_;
  std::string kept_;
  Outcome outcome_;
};

Outcome outcome_of(std::unique_ptr<Tripwire> wire, std::initializer_list<std::string_view> reads) {
  Watched watched(std::move(wire));
  for (const std::string_view bytes : reads) watched.see(bytes);
  return watched.outcome();
}

TEST(Tripwire, CutsAfterSoManyBytesInWhateverReadsTheyCome) {
  EXPECT_EQ(outcome_of(cut_after_bytes(5), {"abcdefg"}), (Outcome{"abcde", true}));
  EXPECT_EQ(outcome_of(cut_after_bytes(5), {"ab", "cd", "efg"}), (Outcome{"abcde", true}));
  EXPECT_EQ(outcome_of(cut_after_bytes(5), {"ab", "cd"}), (Outcome{"abcd", false}));
}

TEST(Tripwire, CutsBehindAPatternWhereverReadsDivideIt) {
  const std::string text = "xxneedle!";
  for (std::size_t at = 0; at <= text.size(); ++at) {
    SCOPED_TRACE(at);
    EXPECT_EQ(outcome_of(cut_at_pattern("needle", Keep::through_match),
                         {text.substr(0, at), text.substr(at)}),
              (Outcome{"xxneedle", true}));
    EXPECT_EQ(outcome_of(cut_at_pattern("needle", Keep::before_match),
                         {text.substr(0, at), text.substr(at)}),
              (Outcome{"xx", true}));
  }
}

TEST(Tripwire, FindsAPatternThatBeginsWithinAFalseStart) {
  EXPECT_EQ(outcome_of(cut_at_pattern("aab", Keep::before_match), {"a", "a", "a", "b"}),
            (Outcome{"a", true}));
  EXPECT_EQ(outcome_of(cut_at_pattern("abcabd", Keep::before_match), {"abcabcabd"}),
            (Outcome{"abc", true}));
}

TEST(Tripwire, KeepsTheBeginningOfAMatchBackForFiftyMilliseconds) {
  Watched watched(cut_at_pattern("needle", Keep::before_match));
  watched.see("hay nee");
  EXPECT_EQ(watched.outcome(), (Outcome{"hay ", false}));
  ASSERT_EQ(watched.wire().wakes_at(), start + 50ms);
  watched.turn(start + 49ms);
  EXPECT_EQ(watched.outcome().passed, "hay ");
  watched.turn(start + 50ms);
  EXPECT_EQ(watched.outcome().passed, "hay nee");
  EXPECT_EQ(watched.wire().wakes_at(), std::nullopt);
  watched.see("dle", start + 60ms);
  EXPECT_EQ(watched.outcome(), (Outcome{"hay nee", true})) << "it is cut all the same";
}

TEST(Tripwire, LetsABeginningGoThatWasNone) {
  EXPECT_EQ(outcome_of(cut_at_pattern("needle", Keep::before_match), {"nee", "p"}),
            (Outcome{"neep", false}));
}

// -- PostgreSQL

std::string message(char type, const std::string& body) {
  const std::size_t length = body.size() + 4;
  return std::string{type, '\0', '\0', static_cast<char>(length >> 8), static_cast<char>(length)} +
         body;
}
std::string bind(const std::string& statement) {
  return message('B', "\0"s + statement + "\0\0\1\0\1\0\0\0\0"s);
}
std::string parse(const std::string& statement) {
  return message('P', statement + "\0WITH base AS (SELECT)\0\0\0"s);
}
const std::string committed = message('2', "") + message('T', std::string(40, 'Z')) +
                              message('D', std::string(20, 'E')) + message('C', "SELECT 1\0"s) +
                              message('Z', "I");
const std::string refused = message('2', "") + message('E', "SERROR\0\0"s) + message('Z', "I");

std::unique_ptr<Tripwire> commit_wire() { return lose_answer(append_request(), judge_commit); }

TEST(LostCommit, NothingOfACommittedAppendsAnswerPasses) {
  for (std::size_t at = 0; at <= committed.size(); ++at) {
    SCOPED_TRACE(at);
    Watched watched(commit_wire());
    watched.wire().see_opposite(bind("log_append"));
    watched.see(committed.substr(0, at));
    watched.see(committed.substr(at));
    EXPECT_EQ(watched.outcome(), (Outcome{"", true}));
  }
}

TEST(LostCommit, WaitsUntilTheTransactionIsOver) {
  Watched watched(commit_wire());
  watched.wire().see_opposite(bind("log_append"));
  watched.see(committed.substr(0, committed.size() - 6));
  EXPECT_EQ(watched.outcome(), (Outcome{"", false})) << "CommandComplete is no commit";
}

TEST(LostCommit, OtherStatementsAndPreparingAreAnswered) {
  for (const std::string& request : {bind("log_find"), bind("log_append2"), parse("log_append")}) {
    Watched watched(commit_wire());
    watched.wire().see_opposite(request);
    watched.see(committed);
    EXPECT_EQ(watched.outcome(), (Outcome{committed, false}));
  }
}

TEST(LostCommit, RefusedAppendIsAnsweredAndTheNextOneIsNot) {
  Watched watched(commit_wire());
  watched.wire().see_opposite(bind("log_append"));
  watched.see(refused.substr(0, 9));
  watched.see(refused.substr(9));
  EXPECT_EQ(watched.outcome(), (Outcome{refused, false}));
  watched.see(committed);
  EXPECT_EQ(watched.outcome(), (Outcome{refused + committed, false})) << "nobody had asked";
  watched.wire().see_opposite(bind("log_append").substr(0, 9));
  watched.wire().see_opposite(bind("log_append").substr(9));
  watched.see(committed);
  EXPECT_EQ(watched.outcome(), (Outcome{refused + committed, true}));
}

TEST(LostCommit, EndlessAnswerPassesAtItsBound) {
  Watched watched(commit_wire());
  watched.wire().see_opposite(bind("log_append"));
  const std::string endless = "D\x7f\xff\xff\xff"s + std::string(128 * 1024, 'x');
  watched.see(endless);
  EXPECT_EQ(watched.outcome().passed.size(), endless.size());
  EXPECT_FALSE(watched.outcome().is_cut);
}

}  // namespace
}  // namespace parley::test
