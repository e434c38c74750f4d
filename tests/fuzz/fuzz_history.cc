// The checker of histories. Any bytes are a history or are refused by their line, and judging one ends; what was saved
// reads as the same. An anomaly that was planted is still found, and an honest server is still not accused,
// after what changes no verdict: other conversations beside it, devices nobody knows, another clock, concurrent
// events the other way round. Input: which of the three, then bytes, or: which history, then changes.
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <functional>

#include "tests/fuzz/fuzz.h"
#include "tests/unit/cli/verify/honest_server.h"
#include "tests/unit/cli/verify/planted_history.h"

namespace parley::verify {
namespace {

// A file in memory.
class File {
 public:
  File() : fd_(memfd_create("history", 0)), path_("/proc/self/fd/" + std::to_string(fd_)) {}
  const std::string& path() const { return path_; }
  void write(std::string_view bytes) const {
    PARLEY_ASSERT(ftruncate(fd_, 0) == 0);
    PARLEY_ASSERT(pwrite(fd_, bytes.data(), bytes.size(), 0) ==
                  static_cast<ssize_t>(bytes.size()));
  }
  std::string content() const {
    std::string bytes(static_cast<std::size_t>(lseek(fd_, 0, SEEK_END)), '\0');
    PARLEY_ASSERT(pread(fd_, bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()));
    return bytes;
  }

 private:
  int fd_;
  std::string path_;
};

void try_file(std::string_view bytes) {
  static const File given, saved, again;
  given.write(bytes);
  const auto history = History::load(given.path());
  if (!history) {
    PARLEY_ASSERT(history.error().code == Errc::bad_request);
    PARLEY_ASSERT(history.error().detail.starts_with("line "));
    return;
  }
  const Verdict verdict = judge(*history, {.acked = 0});
  PARLEY_ASSERT((verdict.kind == Verdict::Kind::invalid) == !verdict.findings.empty());
  const std::string text = describe(verdict);
  PARLEY_ASSERT(history->save(saved.path()).has_value());
  const auto reloaded = History::load(saved.path());
  PARLEY_ASSERT(reloaded && reloaded->save(again.path()));
  PARLEY_ASSERT(saved.content() == again.content());
  PARLEY_ASSERT(describe(judge(*reloaded, {.acked = 0})) == text);
}

// -- changes that change no verdict

struct Change {
  std::uint8_t what;
  std::uint8_t where;
};

bool is_invocation(const Event& event) { return std::holds_alternative<SendInvoked>(event.what); }
bool is_ack(const Event& event) { return std::holds_alternative<SendOk>(event.what); }

// Nobody could tell which of the two was first.
bool are_concurrent(const Event& a, const Event& b) {
  if (a.at == b.at) return false;
  return (is_invocation(a) && is_invocation(b) && a.process != b.process) ||
         (is_ack(a) && is_ack(b));
}

using Events = std::vector<Event>;

void swap_concurrent(Events& events, std::size_t where) {
  for (std::size_t i = where % events.size(); i + 1 < events.size(); ++i) {
    if (!are_concurrent(events[i], events[i + 1])) continue;
    std::swap(events[i].at, events[i + 1].at);
    return std::swap(events[i], events[i + 1]);
  }
}

// Two strangers who write to each other: one message, complete in all the dump has.
void add_strangers(Events& events, std::size_t where, std::uint64_t number) {
  const UserId low{1'000 + 2 * number}, high{1'001 + 2 * number};
  const MessageKey key{direct_conversation(low, high), low, ClientMessageId{1}};
  const std::string device = "stranger-" + std::to_string(number);
  const std::uint64_t op = (1ULL << 40) + number;
  const std::size_t at = where % (events.size() + 1);
  const Instant time = at == 0 ? events.front().at : events[at - 1].at;
  const Event more[] = {{time, device, SendInvoked{op, key, 7}},
                        {time, device, SendOk{op, Seq{1}, 5}}};
  events.insert(events.begin() + static_cast<std::ptrdiff_t>(at), std::begin(more), std::end(more));
  const auto dump = std::ranges::find_if(
      events, [](const Event& e) { return std::holds_alternative<Dumped>(e.what); });
  if (dump == events.end()) return;
  auto& dumped = std::get<Dumped>(dump->what);
  dumped.rows += 1;
  if (dumped.heads) *dumped.heads += 1;
  if (dumped.lists) *dumped.lists += 2;
  const Instant then = dump->at;
  Events rows{{then, "database", Row{key, Seq{1}, 7, 5}}};
  if (dumped.heads) rows.push_back({then, "database", Head{key.conversation, Seq{1}}});
  if (dumped.lists)
    for (const UserId user : {low, high})
      rows.push_back({then, "database", ListRow{user, key.conversation}});
  events.insert(dump, rows.begin(), rows.end());
}

void add_unknown_device(Events& events, std::size_t where) {
  const std::size_t at = where % (events.size() + 1);
  const Instant time = at == 0 ? events.front().at : events[at - 1].at;
  const Event more[] = {{time, "nobody/1", StreamBegan{}},
                        {time, "broker-9", Gauge{"queue", 3, 10}},
                        {time, "nobody/1", ConnectionClosed{}}};
  events.insert(events.begin() + static_cast<std::ptrdiff_t>(at), std::begin(more), std::end(more));
}

History changed(const History& history, fuzz::Input input) {
  Events events = history.events();
  for (std::uint64_t number = 0; number < 20 && !input.empty(); ++number) {
    const Change change{input.number<std::uint8_t>(), input.number<std::uint8_t>()};
    switch (change.what % 4) {
      case 0: swap_concurrent(events, change.where); break;
      case 1: add_strangers(events, change.where, number); break;
      case 2: add_unknown_device(events, change.where); break;
      default:
        for (Event& event : events) event.at += 1s * change.where;
    }
  }
  History after;
  for (Event& event : events) after.add(event.at, std::move(event.process), std::move(event.what));
  return after;
}

// -- what is planted: an anomaly, and a history that has it

struct Plant {
  const char* anomaly;
  std::function<void(Planted&)> make;
};

const std::vector<Plant>& plants() {
  using P = Planted;
  static const std::vector<Plant> all = {
      {"A1", [](P& p) { p.sent({1, 'a'}, 1).ok(p.invoke({1, 'b'}), 2).dumped(); }},
      {"A1",
       [](P& p) {
         p.sent({1, 'a'}, 1).sent({1, 'b'}, 2).push("2/1", {1, 'b'}, 2).synced("2/1", 2).dumped();
       }},
      {"A2", [](P& p) { p.sent({1, 'a'}, 1).row({1, 'a'}, 2).dumped(); }},
      {"A2",
       [](P& p) {
         p.sent({1, 'a'}, 1).push("2/1", {1, 'a'}, 1).pull("2/1", {1, 'a'}, 1).dumped();
       }},
      {"A2b",
       [](P& p) {
         p.ok(p.invoke({1, 'a'}), 1).ok(p.invoke({1, 'a'}), 2).row({1, 'a'}, 1).dumped();
       }},
      {"A3", [](P& p) { p.sent({1, 'a'}, 1).row({2, 'x'}, 2).dumped(); }},
      {"A3", [](P& p) { p.sent({1, 'a'}, 1).push("2/1", {1, 'a'}, 1, "corrupt").dumped(); }},
      {"A3b", [](P& p) { p.failed(p.invoke({1, 'a'})).row({1, 'a'}, 1).dumped(); }},
      {"A5",
       [](P& p) { p.unknown(p.invoke({1, 'a'})).healed().unknown(p.invoke({1, 'a'})).dumped(); }},
      {"A6", [](P& p) { p.sent({1, 'a'}, 1).later(11s).sent({1, 'a'}, 2).dumped(); }},
      {"A7",
       [](P& p) {
         p.ok(p.invoke({1, 'a'}), 1).ok(p.invoke({1, 'a'}, "other"), 1).row({1, 'a'}, 1).dumped();
       }},
      {"A8", [](P& p) { p.sent({1, 'a'}, 1).dumped_with_heads(); }},
      {"A8", [](P& p) { p.sent({1, 'a'}, 1).head(1).list(1).dumped_with_lists(); }},
      {"L6", [](P& p) { p.sent({1, 'a'}, 1).failed(p.invoke({1, 'a'})).dumped(); }},
      {"B1", [](P& p) { p.sent({1, 'a'}, 1).sent({1, 'b'}, 3).dumped(); }},
      {"B2", [](P& p) { p.sent({1, 'a'}, 1).sent({2, 'b'}, 1).dumped(); }},
      {"B3", [](P& p) { p.sent({1, 'a'}, 2).sent({2, 'b'}, 1).dumped(); }},
      {"B3b",
       [](P& p) {
         const auto first = p.invoke({1, 'a'});
         const auto second = p.invoke({1, 'b'});
         p.ok(second, 1).ok(first, 2).row({1, 'b'}, 1).row({1, 'a'}, 2).dumped();
       }},
      {"B4",
       [](P& p) {
         p.sent({1, 'a'}, 1).sent({1, 'b'}, 2);
         p.push("2/1", {1, 'a'}, 1).push("2/2", {1, 'b'}, 1).dumped();
       }},
      {"B5",
       [](P& p) {
         p.sent({1, 'a'}, 1).sent({1, 'b'}, 2).sent({1, 'c'}, 3).stream("2/1");
         p.push("2/1", {1, 'a'}, 1).push("2/1", {1, 'c'}, 3).dumped();
       }},
      {"B6",
       [](P& p) {
         p.unknown(p.invoke({1, 'a'})).sent({1, 'b'}, 2);
         p.asked("2/1", 1, {.head = 2, .lines = {{{1, 'b'}, 2}}});
         p.push("2/2", {1, 'a'}, 1).dumped();
       }},
      {"B7",
       [](P& p) {
         const auto first = p.invoke({1, 'a'});
         p.asked("2/1", 1, {.head = 1, .lines = {{{1, 'a'}, 1}}}).asked("2/1", 2, {.head = 0});
         p.ok(first, 1).row({1, 'a'}, 1).dumped();
       }},
      {"C3",
       [](P& p) {
         p.sent({1, 'a'}, 1).sent({1, 'b'}, 2);
         p.saw_receipt("1/1", 2, 2, 2).saw_receipt("1/1", 2, 2, 1).dumped();
       }},
      {"C4", [](P& p) { p.sent({1, 'a'}, 1).saw_receipt("1/1", 2, 2, 0).dumped(); }},
      {"C5",
       [](P& p) {
         p.sent({1, 'a'}, 1).sent({1, 'b'}, 2).saw_receipt("1/1", 2, 1, 2).dumped();
       }},
  };
  return all;
}

void try_planted(fuzz::Input input) {
  const Plant& plant = plants()[input.number<std::uint8_t>() % plants().size()];
  Planted planted;
  plant.make(planted);
  PARLEY_ASSERT(judge(changed(planted.history(), input), {.acked = 0}).has(plant.anomaly));
}

void try_honest(fuzz::Input input) {
  const auto percent = [&] { return input.number<std::uint8_t>() % 40U; };
  Weather weather{.pairs = 1, .sends = 1 + input.number<std::uint8_t>() % 6U};
  weather.outbox = 1 + input.number<std::uint8_t>() % 4U;
  weather.lost_requests = percent();
  weather.lost_replies = percent();
  weather.repeated_acked = percent();
  weather.refused = percent();
  weather.pushes_again = percent();
  weather.resets = percent();
  const History honest = honest_history(weather, input.number<std::uint8_t>());
  const Verdict before = judge(honest, {.acked = 0});
  PARLEY_ASSERT(before.findings.empty());
  const Verdict after = judge(changed(honest, input), {.acked = 0});
  PARLEY_ASSERT(after.findings.empty() && after.doubts == before.doubts);
}

}  // namespace
}  // namespace parley::verify

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  parley::fuzz::Input input(data, size);
  switch (input.number<std::uint8_t>() % 3) {
    case 0: parley::verify::try_file(input.rest()); break;
    case 1: parley::verify::try_planted(input); break;
    default: parley::verify::try_honest(input);
  }
  return 0;
}
