#include "bus/zap.h"

#include <gmock/gmock.h>

#include "bus/curve.h"

namespace parley::test {
namespace {

using testing::ElementsAre;
using Frames = std::vector<std::string>;

// The public key of ZeroMQ's manual, and its bytes as RFC 32 decodes them.
const std::string key_text = "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID";
const std::string key_bytes =
    "\xBB\x88\x47\x1D\x65\xE2\x65\x9B\x30\xC5\x5A\x53\x21\xCE\xBB\x5A"
    "\xAB\x2B\x70\xA3\x98\x64\x5C\x26\xDC\xA2\xB2\xFC\xB4\x3F\xC5\x18";

Frames question() {
  return {"1.0", "7", std::string(zap_domain), "10.0.0.7", "id", "CURVE", key_bytes};
}

TEST(Zap, AQuestionTellsTheKeyAndWhereItComesFrom) {
  const auto request = parse_zap_request(question());
  ASSERT_TRUE(request);
  EXPECT_EQ(request->id, "7");
  EXPECT_EQ(request->address, "10.0.0.7");
  EXPECT_EQ(request->key, key_text);
}

TEST(Zap, AnAnswerNamesTheKeyAsTheUserOrNobody) {
  const ZapRequest request{"7", "10.0.0.7", key_text};
  EXPECT_THAT(zap_reply(request, ZapAnswer::admitted),
              ElementsAre("1.0", "7", "200", "OK", key_text, ""));
  EXPECT_THAT(zap_reply(request, ZapAnswer::refused),
              ElementsAre("1.0", "7", "400", testing::_, "", ""));
}

TEST(Zap, WhatIsNoQuestionOfOursIsNotAdmitted) {
  EXPECT_FALSE(parse_zap_request({}));
  for (std::size_t frame = 0; frame < question().size(); ++frame) {
    Frames shorter = question();
    shorter.erase(shorter.begin() + static_cast<std::ptrdiff_t>(frame));
    EXPECT_FALSE(parse_zap_request(shorter)) << frame;
  }
  for (const std::size_t frame : {0U, 2U, 5U, 6U}) {
    Frames other = question();
    other[frame] += "x";
    EXPECT_FALSE(parse_zap_request(other)) << frame;
  }
  Frames longer = question();
  longer.emplace_back("another key");
  EXPECT_FALSE(parse_zap_request(longer));
  Frames plain = question();
  plain[5] = "NULL";
  plain.pop_back();
  EXPECT_FALSE(parse_zap_request(plain));
}

TEST(Zap, WhatIsNoQuestionIsAnsweredIfItHasANumber) {
  EXPECT_THAT(zap_reply_to_malformed({"2.0", "9", "x"}),
              ElementsAre("1.0", "9", "500", testing::_, "", ""));
  EXPECT_TRUE(zap_reply_to_malformed({"1.0"}).empty());
  EXPECT_TRUE(zap_reply_to_malformed({}).empty());
}

}  // namespace
}  // namespace parley::test
