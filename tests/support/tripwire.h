// Where a connection through the fault proxy is to break: pure watchers of the bytes of a direction. A wire
// decides about each byte once: it passes, is kept back until the wire knows more, or is where the
// connection ends.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"

namespace parley::test {

class Tripwire {
 public:
  struct Judgement {
    std::size_t pass = 0;  // of what was kept back and what is new, from the front
    enum class Then { go_on, cut } then = Then::go_on;
  };

  virtual ~Tripwire() = default;
  // The next bytes of the direction.
  virtual Judgement see(std::string_view bytes, Instant now) = 0;
  // Time went by; anything still kept back may pass.
  virtual Judgement turn(Instant now) = 0;
  virtual std::optional<Instant> wakes_at() const { return std::nullopt; }
  // The next bytes of the opposite direction, before they are sent on.
  virtual void see_opposite(std::string_view) {}
};

// What of a match still arrives.
enum class Keep { through_match, before_match };

// Cuts after so many bytes. Requires: count > 0.
std::unique_ptr<Tripwire> cut_after_bytes(std::size_t count);

// Cuts at a pattern, wherever reads have divided it. With before_match, what may be the beginning of a match
// is kept back, for 50 ms at most: a stream that stops in the middle of what looks like one goes on.
// Requires: a pattern.
std::unique_ptr<Tripwire> cut_at_pattern(std::string pattern, Keep keep);

// Watches for a request (`pattern` in the opposite direction) and keeps the whole answer to it back. `judge`
// is shown all of the answer that there is: nothing: it is not complete; lose: the connection is cut, and
// nothing of the answer arrives; pass: it passes, and the wire waits for the next such request. An answer of
// more than 128 KiB passes.
enum class Fate { lose, pass };
using AnswerJudge = std::function<std::optional<Fate>(std::string_view answer)>;
std::unique_ptr<Tripwire> lose_answer(std::string pattern, AnswerJudge judge);

// Finds a pattern in a stream that comes in pieces.
class PatternScanner {
 public:
  explicit PatternScanner(std::string pattern);
  // How many of these bytes belong to the stream up to and including the first match's last byte.
  std::optional<std::size_t> find(std::string_view bytes);
  // The longest beginning of the pattern that the stream ends with.
  std::size_t partial() const { return matched_; }
  std::size_t size() const { return pattern_.size(); }

 private:
  std::string pattern_;
  std::vector<std::size_t> fallback_;  // Knuth, Morris, Pratt
  std::size_t matched_ = 0;
};

// -- PostgreSQL's protocol

// What a worker sends to append entries (store/pg/pg_log_store.cc): the Bind message of that prepared statement.
std::string append_request();
// lose: PostgreSQL says that the transaction is committed (ReadyForQuery, idle, and no error before it); pass:
// it was refused. CommandComplete alone is no proof: it can leave before the commit.
std::optional<Fate> judge_commit(std::string_view answer);

}  // namespace parley::test
