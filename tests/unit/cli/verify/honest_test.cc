// Whatever the weather, a server that does everything right is not accused; and judging it takes
// little time.
#include <gmock/gmock.h>

#include <charconv>
#include <cstdio>
#include <cstdlib>

#include "cli/verify/check.h"
#include "tests/unit/cli/verify/honest_server.h"

namespace parley::verify {
namespace {

using Kind = Verdict::Kind;

constexpr std::uint64_t seeds = 8;

const Weather weathers[] = {
    {.name = "Calm"},
    {.name = "EverythingPipelined", .outbox = 16},
    {.name = "TwoDevicesOfAUserRace", .outbox = 4, .both_devices_write = true},
    {.name = "RequestsAreLostAndRepeatedLater", .outbox = 4, .lost_requests = 20},
    {.name = "RepliesAreLostAndTheMessageExists", .outbox = 4, .lost_replies = 20},
    {.name = "AcknowledgedMessagesAreSentAgain", .repeated_acked = 40},
    {.name = "SomeAreRefusedForGood", .refused = 20},
    {.name = "SomeAreRefusedAndThenAccepted", .refused_first = 20},
    {.name = "ClientIdsAreUsedTwiceForOtherBodies", .conflicts = 30},
    {.name = "BothUsersChooseTheSameClientIds", .outbox = 4, .same_client_ids = 100},
    {.name = "PushesComeAgainAndLate", .pushes_again = 30},
    {.name = "PushesAreSlow", .slow_pushes = 20},
    {.name = "ConnectionsAreReset", .resets = 10},
    {.name = "PeopleLogOutAndComeBack", .resets = 10, .logouts = 50},
    {.name = "PagesRaceWithSends", .outbox = 8, .both_devices_write = true, .pages = 100},
    {.name = "PagesAreShort", .outbox = 4, .pages = 50, .page_limit = 3},
    {.name = "ReceiptsOvertakeEverything", .outbox = 8, .slow_pushes = 30, .receipts = 100},
    {.name = "StrangersAskInVain", .strangers_ask = 30},
    {.name = "WorkersAreKilled", .outbox = 4, .lost_replies = 10, .pushes_again = 20, .faults = 5},
    {.name = "EverythingAtOnce",
     .pairs = 3,
     .outbox = 8,
     .both_devices_write = true,
     .lost_requests = 10,
     .lost_replies = 10,
     .repeated_acked = 10,
     .refused = 5,
     .refused_first = 5,
     .conflicts = 10,
     .pushes_again = 20,
     .slow_pushes = 10,
     .resets = 5,
     .pages = 40,
     .page_limit = 5,
     .receipts = 60,
     .strangers_ask = 5,
     .same_client_ids = 30,
     .logouts = 30,
     .faults = 4},
};

class AnHonestServer : public testing::TestWithParam<Weather> {};

TEST_P(AnHonestServer, IsNotAccused) {
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    const Verdict verdict = judge(honest_history(GetParam(), seed), {.acked = 100});
    EXPECT_EQ(verdict.kind, Kind::valid) << "seed " << seed << ": " << describe(verdict);
  }
}

INSTANTIATE_TEST_SUITE_P(When, AnHonestServer, testing::ValuesIn(weathers),
                         [](const auto& when) { return std::string(when.param.name); });

std::size_t operations_in(const History& history) {
  std::size_t operations = 0;
  for (const Event& event : history.events())
    operations += std::holds_alternative<SendInvoked>(event.what) ||
                  std::holds_alternative<PullInvoked>(event.what) ||
                  std::holds_alternative<ReceiptInvoked>(event.what);
  return operations;
}

// PARLEY_CHECK_OPERATIONS=1000000 is the size that is promised (RELIABILITY §6.3).
TEST(Checker, JudgesAMillionOperationsWithinAMinute) {
  std::size_t wanted = 50'000;
  if (const char* text = std::getenv("PARLEY_CHECK_OPERATIONS"); text != nullptr)
    std::from_chars(text, text + std::string_view(text).size(), wanted);
  Weather weather{.pairs = 50, .outbox = 8, .lost_replies = 1, .pushes_again = 1, .pages = 5};
  weather.sends = static_cast<unsigned>(wanted / weather.pairs / 4);
  const History history = honest_history(weather, 1);
  const Instant begun = monotonic_now();
  const Verdict verdict = judge(history, {.acked = wanted / 4});
  const Duration took = monotonic_now() - begun;
  EXPECT_EQ(verdict.kind, Kind::valid) << describe(verdict);
  EXPECT_GE(operations_in(history), wanted);
  EXPECT_LT(took, 60s);
  std::printf("%zu operations, %zu events, judged in %.1f s\n", operations_in(history),
              history.events().size(), std::chrono::duration<double>(took).count());
}

}  // namespace
}  // namespace parley::verify
