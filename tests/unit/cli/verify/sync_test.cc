// The anomalies B6 … B12 of RELIABILITY §2.3, planted, and valid histories that resemble them.
#include "tests/unit/cli/verify/planted_history.h"

namespace parley::verify {
namespace {

using Kind = Verdict::Kind;

void expect_valid(const Planted& planted) {
  EXPECT_EQ(planted.judged().kind, Kind::valid) << describe(planted.judged());
}

constexpr Planted::Name a{1, 'a'};
constexpr Planted::Name b{1, 'b'};
constexpr Planted::Name c{1, 'c'};

// -- B6

TEST(B6CursorSkip, IsAnEntryBelowAFinishedPageThatTurnsUpLater) {
  Planted p;
  const auto slow = p.invoke(a);
  p.sent(b, 2).asked("2/1", 1, {.head = 2, .lines = {{b, 2}}}).ok(slow, 1).row(a, 1).dumped();
  EXPECT_TRUE(p.judged().has("B6"));
  EXPECT_FALSE(p.judged().has("B10"));
}

TEST(B6CursorSkip, IsSeenInAPageThatGoesOn) {
  Planted p;
  const auto slow = p.invoke(b);
  p.sent(a, 1).sent(c, 3);
  p.asked("2/1", 1, {.head = 3, .lines = {{a, 1}, {c, 3}}, .more = true}).ok(slow, 2).row(b, 2);
  EXPECT_TRUE(p.dumped().judged().has("B6"));
}

TEST(B6CursorSkip, IsSeenByWhatAnotherDeviceWasGiven) {
  Planted p;
  p.unknown(p.invoke(a)).sent(b, 2).asked("2/1", 1, {.head = 2, .lines = {{b, 2}}});
  p.push("2/2", a, 1).dumped();
  EXPECT_TRUE(p.judged().has("B6"));
}

TEST(B6CursorSkip, IsNotAnEntryThatCameAfterTheEnd) {
  Planted p;
  const auto slow = p.by("1/2").invoke(b);
  p.by("")
      .sent(a, 1)
      .asked("2/1", 1, {.head = 1, .lines = {{a, 1}}})
      .ok(slow, 2)
      .row(b, 2)
      .dumped();
  expect_valid(p);
}

TEST(B6CursorSkip, IsNotWhatLiesBehindACutPage) {
  Planted p;
  p.sent(a, 1).sent(b, 2).sent(c, 3);
  p.asked("2/1", 1, {.head = 3, .lines = {{a, 1}, {b, 2}}, .more = true});
  p.asked("2/1", 3, {.head = 3, .lines = {{c, 3}}}).dumped();
  expect_valid(p);
}

// -- B7

TEST(B7CursorRegress, IsAnEndThatGoesBack) {
  Planted p;
  const auto first = p.invoke(a);
  p.asked("2/1", 1, {.head = 1, .lines = {{a, 1}}}).asked("2/1", 2, {.head = 0});
  EXPECT_TRUE(p.ok(first, 1).row(a, 1).dumped().judged().has("B7"));
}

TEST(B7CursorRegress, IsSeenBetweenTwoDevices) {
  Planted p;
  const auto first = p.invoke(a);
  p.asked("2/1", 1, {.head = 1, .lines = {{a, 1}}}).asked("1/2", 1, {.head = 0});
  EXPECT_TRUE(p.ok(first, 1).row(a, 1).dumped().judged().has("B7"));
}

TEST(B7CursorRegress, IsAPageWithWhatWasNotAskedFor) {
  Planted p;
  p.sent(a, 1).sent(b, 2).asked("2/1", 2, {.head = 2, .lines = {{a, 1}, {b, 2}}}).dumped();
  EXPECT_TRUE(p.judged().has("B7"));
}

TEST(B7CursorRegress, IsAPageInTheWrongOrder) {
  Planted p;
  p.sent(a, 1).sent(b, 2).asked("2/1", 1, {.head = 2, .lines = {{b, 2}, {a, 1}}}).dumped();
  EXPECT_TRUE(p.judged().has("B7"));
}

TEST(B7CursorRegress, IsNotAnOlderEndOfAPageThatWasAskedForBefore) {
  Planted p;
  const auto sending = p.invoke(a);
  const auto early = p.ask("2/1", 1);
  p.asked("2/2", 1, {.head = 1, .lines = {{a, 1}}}).page(early, {.head = 0});
  p.ok(sending, 1).row(a, 1).dumped();
  expect_valid(p);
}

TEST(B7CursorRegress, IsNotAQuestionBeyondTheEnd) {
  Planted p;
  p.sent(a, 1).asked("2/1", 50, {.head = 1}).asked("2/1", 1, {.head = 1, .lines = {{a, 1}}});
  expect_valid(p.dumped());
}

// -- B8

TEST(B8SyncLivelock, IsAnEmptyPageThatSaysMore) {
  Planted p;
  p.sent(a, 1).asked("2/1", 1, {.head = 1, .lines = {}, .more = true}).dumped();
  EXPECT_TRUE(p.judged().has("B8"));
}

TEST(B8SyncLivelock, IsTheSamePageAgainAndAgain) {
  Planted p;
  p.sent(a, 1).sent(b, 2);
  for (int i = 0; i < 2; ++i) p.asked("2/1", 1, {.head = 2, .lines = {{a, 1}}, .more = true});
  for (int i = 0; i < 3; ++i) p.asked("2/1", 2, {.head = 2, .lines = {}, .more = true});
  EXPECT_TRUE(p.dumped().judged().has("B8"));
}

TEST(B8SyncLivelock, IsMorePagesThanEntries) {
  Planted p;
  p.sent(a, 1).sent(b, 2).asked("2/1", 1, {.head = 2, .lines = {{a, 1}}, .more = true});
  for (int i = 0; i < 9; ++i) p.asked("2/1", 2, {.head = 2, .lines = {}, .more = true});
  const Verdict verdict = p.dumped().judged();
  EXPECT_TRUE(std::ranges::any_of(verdict.findings, [](const Finding& finding) {
    return finding.what.find("number 4 of a loop of 1 entries") != std::string::npos;
  })) << describe(verdict);
}

TEST(B8SyncLivelock, IsNotALongLoopThatGetsOn) {
  Planted p;
  for (std::uint64_t seq = 1; seq <= 40; ++seq) p.sent({1, static_cast<char>(seq)}, seq);
  for (std::uint64_t seq = 1; seq <= 40; ++seq)
    p.asked("2/1", seq,
            {.head = 40, .lines = {{{1, static_cast<char>(seq)}, seq}}, .more = seq < 40});
  expect_valid(p.dumped());
}

TEST(B8SyncLivelock, IsNotAskingAnEmptyTailOften) {
  Planted p;
  p.sent(a, 1);
  for (int i = 0; i < 20; ++i) p.asked("2/1", 2, {.head = 1});
  expect_valid(p.dumped());
}

// -- B9

TEST(B9PushSyncDivergence, IsAPushWithAnotherBodyThanThePage) {
  Planted p;
  p.sent(a, 1).pushed("2/1", a, 1, "other").asked("2/1", 1, {.head = 1, .lines = {{a, 1}}});
  EXPECT_TRUE(p.dumped().judged().has("B9"));
}

TEST(B9PushSyncDivergence, IsTwoPagesThatDiffer) {
  Planted p;
  p.sent(a, 1).asked("2/1", 1, {.head = 1, .lines = {{a, 1}}});
  p.asked("1/1", 1, {.head = 1, .lines = {{a, 1, "other"}}}).dumped();
  EXPECT_TRUE(p.judged().has("B9"));
}

TEST(B9PushSyncDivergence, IsSeenInWhatADeviceTookForNew) {
  Planted p;
  p.sent(a, 1).push("2/2", a, 1, "other").asked("2/1", 1, {.head = 1, .lines = {{a, 1}}}).dumped();
  EXPECT_TRUE(p.judged().has("B9"));
}

TEST(B9PushSyncDivergence, IsNotTheSameBodyAtTwoPlaces) {
  Planted p;
  p.sent(a, 1).pushed("2/1", a, 1).in(1, 3).sent(b, 1).pushed("3/1", b, 1);
  p.asked("3/1", 1, {.head = 1, .lines = {{b, 1}}}).in(1, 2);
  p.asked("2/1", 1, {.head = 1, .lines = {{a, 1}}}).dumped();
  expect_valid(p);
}

// -- B10

TEST(B10ReadYourWrites, IsAPageThatOmitsWhatWasAcknowledged) {
  Planted p;
  p.sent(a, 1).sent(b, 2).asked("1/2", 1, {.head = 2, .lines = {{b, 2}}}).dumped();
  EXPECT_TRUE(p.judged().has("B10"));
  EXPECT_FALSE(p.judged().has("B6"));
}

TEST(B10ReadYourWrites, IsAPageThatEndsBeforeWhatWasAcknowledged) {
  Planted p;
  p.sent(a, 1).sent(b, 2).asked("1/1", 1, {.head = 1, .lines = {{a, 1}}}).dumped();
  EXPECT_TRUE(p.judged().has("B10"));
}

TEST(B10ReadYourWrites, IsPromisedToTheOtherMemberToo) {
  Planted p;
  p.sent(a, 1).asked("2/1", 1, {.head = 0}).dumped();
  EXPECT_TRUE(p.judged().has("B10"));
}

TEST(B10ReadYourWrites, IsNotPromisedBeforeTheAck) {
  Planted p;
  const auto op = p.invoke(a);
  p.asked("1/2", 1, {.head = 0}).ok(op, 1).row(a, 1).dumped();
  expect_valid(p);
}

TEST(B10ReadYourWrites, IsNotPromisedToAPageAskedForBeforeTheAck) {
  Planted p;
  const auto early = p.ask("1/2", 1);
  p.sent(a, 1).page(early, {.head = 0}).dumped();
  expect_valid(p);
}

TEST(B10ReadYourWrites, IsNotBrokenByAPageThatWasRefused) {
  Planted p;
  p.sent(a, 1).no_page(p.ask("3/1", 1)).no_page(p.ask("2/1", 1)).dumped();
  expect_valid(p);
}

// -- B11

TEST(B11CausalInversion, IsAReceiptForAnEntryThatAPageLacks) {
  Planted p;
  const auto sending = p.invoke(a);
  p.saw_receipt("1/1", 2, 1, 0).asked("1/1", 1, {.head = 0}).ok(sending, 1).row(a, 1).dumped();
  EXPECT_TRUE(p.judged().has("B11"));
}

TEST(B11CausalInversion, IsSeenByReadPositionsToo) {
  Planted p;
  const auto sending = p.invoke(b);
  p.sent(a, 1).saw_receipt("1/2", 2, 2, 2);
  p.asked("1/2", 1, {.head = 1, .lines = {{a, 1}}}).ok(sending, 2).row(b, 2).dumped();
  EXPECT_TRUE(p.judged().has("B11"));
}

TEST(B11CausalInversion, IsSeenLongAfterTheReceipt) {
  Planted p;
  p.sent(a, 1).saw_receipt("1/1", 2, 1, 1).later(60s).asked("1/1", 1, {.head = 0}).dumped();
  EXPECT_TRUE(p.judged().has("B11"));
}

TEST(B11CausalInversion, IsNotAPageAskedForBeforeTheReceipt) {
  Planted p;
  const auto sending = p.invoke(a);
  const auto early = p.ask("1/1", 1);
  p.saw_receipt("1/1", 2, 1, 0).page(early, {.head = 0}).ok(sending, 1).row(a, 1).dumped();
  expect_valid(p);
}

// -- B12

TEST(B12Lag, IsAPushThatComesMuchLaterThanTheAck) {
  Planted p;
  p.stream("2/1").sent(a, 1).later(6s).push("2/1", a, 1).dumped();
  EXPECT_TRUE(p.judged().has("B12"));
}

TEST(B12Lag, IsSeenOnTheSendersOtherDevice) {
  Planted p;
  p.stream("1/2").stream("2/1").sent(a, 1).push("2/1", a, 1).later(6s).push("1/2", a, 1).dumped();
  EXPECT_TRUE(p.judged().has("B12"));
}

TEST(B12Lag, IsSeenLongAfterAFault) {
  Planted p;
  p.fault(1, 2).later(60s).stream("2/1").sent(a, 1).later(6s).push("2/1", a, 1).dumped();
  EXPECT_TRUE(p.judged().has("B12"));
}

TEST(B12Lag, IsSeenSoonAfterAFaultOfWhichTheLengthIsKnown) {
  Planted p;
  p.fault(1, 2, 4'000).later(5s).stream("2/1").sent(a, 1).later(6s).push("2/1", a, 1).dumped();
  EXPECT_TRUE(p.judged().has("B12"));
}

TEST(B12Lag, IsNotTheTimeOfALongFaultThatAShortOneFollowed) {
  Planted p;
  p.fault(1, 2, 20'000).later(1s).fault(2, 3, 1'000).later(5s).stream("2/1").sent(a, 1);
  p.later(6s).push("2/1", a, 1).dumped();
  expect_valid(p);
}

TEST(B12Lag, IsNotTheTimeOfADeviceThatWasAway) {
  Planted p;
  p.stream("2/1").closed("2/1").sent(a, 1).later(600s).stream("2/1").pull("2/1", a, 1).dumped();
  expect_valid(p);
}

TEST(B12Lag, IsNotTheTimeOfAConnectionThatBreaks) {
  Planted p;
  p.stream("2/1").sent(a, 1).closed("2/1").later(9s).stream("2/1").pull("2/1", a, 1).dumped();
  expect_valid(p);
}

TEST(B12Lag, IsNotTheTimeOfAFault) {
  Planted p;
  p.stream("2/1").sent(a, 1).later(1s).fault(1, 2).later(8s).push("2/1", a, 1).dumped();
  expect_valid(p);
}

}  // namespace
}  // namespace parley::verify
