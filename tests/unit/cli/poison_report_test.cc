#include "cli/poison_report.h"

#include <gmock/gmock.h>

namespace parley {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

TEST(PoisonTickets, AreOfABrokerEach) {
  const auto tickets = parse_tickets({"broker-1:7", "broker-2:1", "broker-1:8"});
  ASSERT_TRUE(tickets);
  EXPECT_THAT(*tickets, ElementsAre(Pair("broker-1", ElementsAre(7, 8)),
                                    Pair("broker-2", ElementsAre(1))));
  EXPECT_TRUE(parse_tickets({})->empty());
}

TEST(PoisonTickets, RefusesWhatIsNone) {
  for (const char* text : {"7", "broker-1", "broker-1:", ":7", "broker-1:x", "broker-1:7x",
                           "broker-1:-7", "broker-1:99999999999999999999", ""}) {
    const auto tickets = parse_tickets({text});
    ASSERT_FALSE(tickets) << text;
    EXPECT_EQ(tickets.error().code, Errc::bad_request);
  }
}

TEST(PoisonTable, ShowsTheTicketAsItIsTyped) {
  wire::AdminReply::Poison request;
  request.set_ticket(7);
  request.set_verb("c2c.send");
  request.set_user(42);
  request.set_trace(0xABC);
  request.set_bytes(300);
  request.set_parked_ms_ago(61'000);
  const std::string table = poison_table({{"broker-1", {request}}, {"broker-2", {}}});
  EXPECT_THAT(table, HasSubstr("broker-1:7 "));
  EXPECT_THAT(table, HasSubstr(" 0000000000000abc "));
  EXPECT_THAT(table, HasSubstr("c2c.send"));
  EXPECT_THAT(table, HasSubstr(" 42 "));
  EXPECT_THAT(table, HasSubstr("1 min 1 s ago"));
}

TEST(PoisonTable, SaysThatThereIsNone) {
  EXPECT_EQ(poison_table({{"broker-1", {}}}), "no request is set aside\n");
}

}  // namespace
}  // namespace parley
