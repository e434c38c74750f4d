#include "cli/typed_lines.h"

#include <gmock/gmock.h>

#include <vector>

namespace parley {
namespace {

using testing::ElementsAre;

// A chat in which "/to X" makes busy until it is answered, as far as the order of lines goes.
class TypedLinesTest : public testing::Test {
 protected:
  void type(const std::string& line) {
    ASSERT_TRUE(lines.add(line));
    carry_on();
  }
  void carry_on() {
    lines.carry_out([this] { return is_busy; },
                    [this](const std::string& line) {
                      done.push_back(line);
                      if (line.starts_with("/to ")) is_busy = true;
                    });
  }
  void answer() {
    is_busy = false;
    carry_on();
  }

  TypedLines lines;
  bool is_busy = false;
  std::vector<std::string> done;
};

TEST_F(TypedLinesTest, AreCarriedOutAtOnceIfNothingIsWaitedFor) {
  type("hello");
  type("/who");
  EXPECT_THAT(done, ElementsAre("hello", "/who"));
}

TEST_F(TypedLinesTest, ACommandDoesNotOvertakeTheMessageBeforeIt) {
  is_busy = true;  // bob is looked up
  type("hello bob");
  type("/to carol");
  type("hello carol");
  EXPECT_THAT(done, ElementsAre());
  answer();
  EXPECT_THAT(done, ElementsAre("hello bob", "/to carol")) << "carol is not there yet";
  answer();
  EXPECT_THAT(done, ElementsAre("hello bob", "/to carol", "hello carol"));
}

TEST_F(TypedLinesTest, MessagesToSomebodyWhoIsNotFoundGoToNobody) {
  type("/to crol");
  type("salary is 100");
  type("//shrug");
  type("/who");
  type("/to bob");
  type("hello bob");
  EXPECT_EQ(lines.messages(), 3U);
  EXPECT_EQ(lines.drop_messages(), 2U) << "those behind the next /to are bob's";
  answer();
  EXPECT_THAT(done, ElementsAre("/to crol", "/who", "/to bob"));
  answer();
  EXPECT_THAT(done, ElementsAre("/to crol", "/who", "/to bob", "hello bob"));
}

TEST_F(TypedLinesTest, AreRefusedBeyondTheirNumber) {
  is_busy = true;
  for (std::size_t i = 0; i < TypedLines::waiting_max; ++i) type("x");
  EXPECT_EQ(lines.add("one more").error().code, Errc::retry_later);
  EXPECT_EQ(lines.messages(), TypedLines::waiting_max);
}

TEST(IsCommand, IsOneSlashAndNotTwo) {
  EXPECT_TRUE(is_command("/to bob"));
  EXPECT_FALSE(is_command("//to bob"));
  EXPECT_FALSE(is_command("to /bob"));
}

}  // namespace
}  // namespace parley
