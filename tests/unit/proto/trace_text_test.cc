#include "proto/trace_text.h"

#include <gtest/gtest.h>

namespace parley {
namespace {

TEST(TraceText, IsSixteenDigitsAndReadBack) {
  EXPECT_EQ(trace_text(0xABC), "0000000000000abc");
  EXPECT_EQ(trace_text(~0ULL), "ffffffffffffffff");
  for (const std::uint64_t trace : {1ULL, 0xABCULL, ~0ULL})
    EXPECT_EQ(parse_trace(trace_text(trace)), trace);
  EXPECT_EQ(parse_trace("ABC"), 0xABCu) << "as somebody types it";
}

TEST(TraceText, RefusesWhatIsNone) {
  for (const char* text :
       {"", "0", "0000000000000000", "xyz", "12 ", "-1", "0x12", "12345678901234567"})
    EXPECT_EQ(parse_trace(text), std::nullopt) << text;
}

}  // namespace
}  // namespace parley
