#include "cli/trace.h"

#include <charconv>
#include <cstdio>
#include <optional>

#include "base/process.h"
#include "cli/trace_report.h"
#include "cli/up_file.h"
#include "proto/trace_text.h"
#include "store/pg/pg_store.h"

namespace parley {
namespace {

constexpr Duration answer_limit = 2s;
// Once somebody has not answered, the traces that follow do not wait so long for him again.
constexpr Duration impatient_limit = 200ms;

// Asks all brokers, and through them everybody.
class Memory {
 public:
  explicit Memory(Endpoints brokers) : brokers_(std::move(brokers)) {}

  std::vector<TraceLine> ask(const wire::TraceQuery& query) {
    std::vector<wire::TraceAnswer> answers;
    std::uint32_t missing = 0;
    const Duration limit = is_complete_ ? answer_limit : impatient_limit;
    for (auto& replies : ask_trace(brokers_, query, limit)) {
      if (!replies) {
        if (is_complete_) complain("trace", replies.error());
        ++missing;
        continue;
      }
      missing += replies->missing;
      for (auto& answer : replies->answers) answers.push_back(std::move(answer));
    }
    if (missing > 0 && is_complete_) {
      std::fprintf(stderr, "parley trace: %u did not answer: there may be more to know\n", missing);
      is_complete_ = false;
    }
    return merged(answers);
  }

 private:
  Endpoints brokers_;
  bool is_complete_ = true;
};

wire::TraceQuery of_trace(std::uint64_t trace) {
  wire::TraceQuery query;
  query.set_trace(trace);
  return query;
}

Result<UserId> user_named(const TraceOptions& options) {
  std::uint64_t number = 0;
  const char* const end = options.user.data() + options.user.size();
  const auto read = std::from_chars(options.user.data(), end, number);
  if (read.ec == std::errc() && read.ptr == end) return UserId{number};
  if (options.who.data.empty())
    return fail(Errc::not_found, "a name is looked up in the database of --data; without it give "
                                 "the user's number");
  PARLEY_TRY(const UpFile file, read_up_file(options.who.data));
  PARLEY_TRY(const auto account,
             make_pg_user_store({.database_url = file.database})->account_named(options.user));
  if (!account) return fail(Errc::not_found, "there is no user " + options.user);
  return account->id;
}

int tell_one(Memory& memory, std::uint64_t trace) {
  const auto lines = memory.ask(of_trace(trace));
  if (lines.empty()) {
    std::fprintf(stderr, "parley trace: nobody remembers %s\n", trace_text(trace).c_str());
    return exit_runtime;
  }
  std::fputs(trace_story(lines).c_str(), stdout);
  return exit_ok;
}

int tell_latest(Memory& memory, UserId user, std::size_t last) {
  wire::TraceQuery query;
  query.set_user(user.value);
  std::vector<TraceSummary> summaries;
  for (const std::uint64_t trace : newest_traces(memory.ask(query), last))
    if (const auto lines = memory.ask(of_trace(trace)); !lines.empty())
      summaries.push_back(summary_of(lines));
  if (summaries.empty()) {
    std::fprintf(stderr, "parley trace: nobody remembers a request of user %llu\n",
                 static_cast<unsigned long long>(user.value));
    return exit_runtime;
  }
  std::fputs(trace_table(summaries).c_str(), stdout);
  return exit_ok;
}

}  // namespace

int run_trace(const TraceOptions& options) {
  const auto brokers = brokers_of(options.who);
  if (!brokers) return complain("trace", brokers.error());
  Memory memory(*brokers);
  if (!options.user.empty()) {
    const auto user = user_named(options);
    return user ? tell_latest(memory, *user, options.last) : complain("trace", user.error());
  }
  const auto trace = parse_trace(options.trace);
  if (!trace) {
    std::fprintf(stderr, "parley trace: %s is no trace: 1 to 16 hex digits, as logs write them\n",
                 options.trace.c_str());
    return exit_usage;
  }
  return tell_one(memory, *trace);
}

}  // namespace parley
