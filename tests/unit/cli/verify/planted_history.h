// Writes histories by hand, one clock tick per event, for tests of the checker. Users are numbers;
// the conversation is that of users 1 and 2 unless a user says otherwise.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/verify/check.h"

namespace parley::verify {

class Planted {
 public:
  // What one message is called in a test: its sender, and a letter that becomes its client id and
  // body.
  struct Name {
    std::uint64_t sender;
    char letter;
  };

  Planted& in(std::uint64_t a, std::uint64_t b);  // the conversation of what follows
  Planted& by(std::string device);  // the device that sends what follows; "" again: "<user>/1"
  Planted& later(Duration passed);

  std::uint64_t invoke(Name name, std::string_view body = {});  // → op
  Planted& ok(std::uint64_t op, std::uint64_t seq, std::int64_t time_ms = 5);
  Planted& failed(std::uint64_t op);
  Planted& unknown(std::uint64_t op);
  // invoke, ok, and the row that belongs to it.
  Planted& sent(Name name, std::uint64_t seq);
  Planted& row(Name name, std::uint64_t seq, std::string_view body = {});
  Planted& head(std::uint64_t seq);
  Planted& list(std::uint64_t user);
  Planted& dumped();
  Planted& dumped_with_heads();
  Planted& dumped_with_lists();  // and heads

  Planted& push(std::string device, Name name, std::uint64_t seq, std::string_view body = {});
  Planted& pull(std::string device, Name name, std::uint64_t seq);
  Planted& pushed(std::string device, Name name, std::uint64_t seq, std::string_view body = {});
  Planted& closed(std::string device);
  Planted& login(std::string device, std::uint64_t user, std::string how = "password");
  Planted& logout(std::string device);

  // A page asked for by a device, and its answer; an entry is a name, its number and its body.
  struct Line {
    Name name;
    std::uint64_t seq;
    std::string_view body = {};
  };
  struct Answer {
    std::uint64_t head;
    std::vector<Line> lines = {};
    bool more = false;
  };
  std::uint64_t ask(std::string device, std::uint64_t from, std::uint64_t to = 1'000);  // → op
  Planted& page(std::uint64_t op, const Answer& answer);
  Planted& no_page(std::uint64_t op);
  Planted& asked(std::string device, std::uint64_t from, const Answer& answer);
  Planted& stream(std::string device);
  Planted& synced(std::string device, std::uint64_t head);

  Planted& wants_receipt(std::uint64_t user, std::uint64_t received, std::uint64_t read);
  Planted& acked_receipt(std::uint64_t user, std::uint64_t received, std::uint64_t read);
  Planted& saw_receipt(std::string device, std::uint64_t user, std::uint64_t received,
                       std::uint64_t read);
  Planted& fault(std::int64_t before, std::int64_t after,
                 std::optional<std::uint64_t> felt_ms = {});
  Planted& gauge(std::string process, std::string name, std::int64_t value, std::int64_t limit = 0);
  Planted& attempted(std::uint64_t request, std::uint64_t attempt);
  Planted& healed();
  Planted& quiesced();

  const History& history() const { return history_; }
  Verdict judged(Needed needed = {.acked = 0}) const { return judge(history_, needed); }

 private:
  template <typename What>
  Planted& add(std::string process, What what);
  MessageKey key(Name name) const;
  Planted& deliver(std::string device, Name name, std::uint64_t seq, std::string_view body,
                   Via via);

  History history_;
  Instant now_{};
  ConversationId conversation_ = direct_conversation(UserId{1}, UserId{2});
  std::string device_;
  std::uint64_t ops_ = 0;
  std::uint64_t rows_ = 0;
  std::uint64_t heads_ = 0;
  std::uint64_t lists_ = 0;
};

}  // namespace parley::verify
