#include "cli/terminal_text.h"

#include <clocale>
#include <cstdlib>
#include <ctime>
#include <set>

namespace parley {
namespace {

class TerminalText : public testing::Test {
 protected:
  static void SetUpTestSuite() { ASSERT_NE(std::setlocale(LC_ALL, "C.UTF-8"), nullptr); }
};

TEST_F(TerminalText, ForeignControlCharactersAreShownAndNotObeyed) {
  EXPECT_EQ(printable("\x1b[2Jgone"), "\\x1b[2Jgone");
  EXPECT_EQ(printable("bell\a, back\b, return\r, delete\x7f"),
            "bell\\x07, back\\x08, return\\x0d, delete\\x7f");
  EXPECT_EQ(printable("\xc2\x9b" "31m"), "\\xc2\\x9b31m") << "C1 is a control sequence, too";
}

TEST_F(TerminalText, MarksThatReorderTextAreShown) {
  EXPECT_EQ(printable("a\xe2\x80\xae" "b"), "a\\xe2\\x80\\xaeb");
  EXPECT_EQ(printable("a\xe2\x81\xa6" "b"), "a\\xe2\\x81\\xa6b");
}

TEST_F(TerminalText, BytesThatAreNotUtf8AreShown) {
  EXPECT_EQ(printable("\xff"), "\\xff");
  EXPECT_EQ(printable("cut \xe2\x82"), "cut \\xe2\\x82");
  EXPECT_EQ(printable("\xc0\xaf"), "\\xc0\\xaf") << "overlong";
}

TEST_F(TerminalText, WhatPeopleWriteStaysAsItIs) {
  const std::string text = "Grüße, 你好, 👋🏽";
  EXPECT_EQ(printable(text), text);
  EXPECT_EQ(printable("a\tb"), "a b");
  EXPECT_EQ(printable("one\ntwo", 2), "one\n  two");
}

TEST_F(TerminalText, EveryTickIsTwoColumnsWide) {
  for (const Style style :
       {Style{false, false}, Style{false, true}, Style{true, false}, Style{true, true}})
    for (const Tick tick : {Tick::queued, Tick::sent, Tick::delivered, Tick::read, Tick::failed})
      EXPECT_EQ(columns_of(tick_text(tick, style)), 2U) << tick_text(tick, style);
}

TEST_F(TerminalText, TicksDifferEvenWithoutColour) {
  for (const Style style : {Style{false, false}, Style{false, true}, Style{true, true}}) {
    std::set<std::string> ticks;
    for (const Tick tick : {Tick::queued, Tick::sent, Tick::delivered, Tick::read, Tick::failed})
      ticks.insert(tick_text(tick, style));
    EXPECT_EQ(ticks.size(), 5U);
  }
}

TEST_F(TerminalText, RowsCountWideCharactersBreaksAndFullLines) {
  EXPECT_EQ(rows_of("", 10), 1U);
  EXPECT_EQ(rows_of(std::string(10, 'x'), 10), 1U);
  EXPECT_EQ(rows_of(std::string(11, 'x'), 10), 2U);
  EXPECT_EQ(rows_of("a\nb\nc", 10), 3U);
  EXPECT_EQ(rows_of("你好你好你", 10), 1U);
  EXPECT_EQ(rows_of("x你好你好你", 10), 2U) << "a wide character is not broken";
  EXPECT_EQ(rows_of("\x1b[1m" + std::string(10, 'x') + "\x1b[0m", 10), 1U);
}

TEST_F(TerminalText, TheClockShowsTheDateOnOtherDays) {
  setenv("TZ", "UTC", 1);
  tzset();
  const std::int64_t noon = 1'709'208'000'000;  // 2024-02-29 12:00
  EXPECT_EQ(clock_text(noon, noon + 3'600'000), "12:00");
  EXPECT_EQ(clock_text(noon, noon + 86'400'000), "2024-02-29 12:00");
}

}  // namespace
}  // namespace parley
