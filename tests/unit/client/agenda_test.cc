#include "client/agenda.h"

namespace parley::client {
namespace {

const Instant start{};

TEST(Agenda, HandsOutNothingBeforeItsMoment) {
  Agenda<int> agenda;
  agenda.enter(1, start + 10ms);
  EXPECT_EQ(agenda.next(), start + 10ms);
  EXPECT_EQ(agenda.take_due(start + 9ms), std::nullopt);
  EXPECT_EQ(agenda.take_due(start + 10ms), 1);
  EXPECT_EQ(agenda.next(), std::nullopt);
}

TEST(Agenda, KeepsTheEarlierOfTwoMoments) {
  Agenda<int> agenda;
  agenda.enter(1, start + 10ms);
  agenda.enter(1, start + 20ms);
  EXPECT_EQ(agenda.next(), start + 10ms);
  agenda.enter(1, start + 5ms);
  EXPECT_EQ(agenda.take_due(start + 5ms), 1);
  EXPECT_EQ(agenda.take_due(start + 1s), std::nullopt) << "a key is entered once";
}

TEST(Agenda, ServesKeysOfOneMomentInTurn) {
  Agenda<int> agenda;
  for (const int key : {3, 1, 2}) agenda.enter(key, start);
  EXPECT_EQ(agenda.take_due(start), 3);
  agenda.enter(3, start);
  EXPECT_EQ(agenda.take_due(start), 1);
  EXPECT_EQ(agenda.take_due(start), 2);
  EXPECT_EQ(agenda.take_due(start), 3);
}

}  // namespace
}  // namespace parley::client
