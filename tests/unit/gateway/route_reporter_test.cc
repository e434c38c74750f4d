#include "gateway/route_reporter.h"

#include "proto/route.pb.h"
#include "proto/verbs.h"

namespace parley::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

constexpr Instant start{100s};
constexpr UserId alice{1};
constexpr UserId bob{2};

struct Reporting {
  SessionTable table;
  ReportRule rule;
  RouteReporter reporter{table, rule, Random(1), start};
  std::uint32_t serial = 0;

  ConnectionId come(UserId user, Instant now = start) {
    const auto id = connection_id(serial + 1, serial);
    ++serial;
    if (table.bind(id, {user, DeviceId{1}, Generation{serial}, 1}, now).first)
      reporter.changed(user, now);
    return id;
  }
  void go(ConnectionId id, Instant now = start) {
    if (const auto user = table.unbind(id)) reporter.changed(*user, now);
  }
  wire::RouteReport next(Instant now) {
    wire::RouteReport report;
    const auto body = reporter.next(now);
    EXPECT_TRUE(body.has_value());
    EXPECT_TRUE(report.ParseFromString(body.value_or("")));
    return report;
  }
};

TEST(RouteReporter, GathersChangesForAMoment) {
  Reporting r;
  r.come(alice);
  r.come(bob, start + 5ms);
  EXPECT_EQ(r.reporter.due(), start + 20ms);
  EXPECT_EQ(r.reporter.next(start + 19ms), std::nullopt);
  const auto report = r.next(start + 20ms);
  EXPECT_THAT(report.present(), UnorderedElementsAre(1, 2));
  EXPECT_THAT(report.gone(), IsEmpty());
  r.reporter.answered(start + 21ms);
  EXPECT_TRUE(r.reporter.idle());
}

TEST(RouteReporter, SaysWhatIsTrueWhenItSpeaks) {
  Reporting r;
  r.go(r.come(alice));
  const auto report = r.next(start + 20ms);
  EXPECT_THAT(report.present(), IsEmpty());
  EXPECT_THAT(report.gone(), ElementsAre(1));
}

TEST(RouteReporter, OneReportIsUnansweredAtATime) {
  Reporting r;
  const auto id = r.come(alice);
  r.next(start + 20ms);
  r.go(id, start + 30ms);
  EXPECT_EQ(r.reporter.due(), std::nullopt);
  EXPECT_EQ(r.reporter.next(start + 10s), std::nullopt);
  r.reporter.answered(start + 40ms);
  EXPECT_THAT(r.next(start + 60ms).gone(), ElementsAre(1));
}

TEST(RouteReporter, AFailedReportIsMadeAgainLaterWithWhatIsTrueThen) {
  Reporting r;
  const auto id = r.come(alice);
  r.come(bob);
  r.next(start + 20ms);
  r.go(id, start + 25ms);
  r.reporter.failed(start + 30ms);
  EXPECT_EQ(r.reporter.next(start + 31ms), std::nullopt);
  const auto report = r.next(start + 30ms + r.rule.retry_base);
  EXPECT_THAT(report.present(), ElementsAre(2));
  EXPECT_THAT(report.gone(), ElementsAre(1));
}

TEST(RouteReporter, RetriesSlowDown) {
  Reporting r;
  r.come(alice);
  Instant now = start + 20ms;
  Duration waited{};
  for (int i = 0; i < 20; ++i) {
    r.next(now);
    r.reporter.failed(now);
    waited = *r.reporter.due() - now;
    now = *r.reporter.due();
  }
  EXPECT_GE(waited, r.rule.retry_cap / 2);
  EXPECT_LE(waited, r.rule.retry_cap);
}

TEST(RouteReporter, AFullReportComesInPages) {
  Reporting r;
  for (std::uint64_t user = 1; user <= 4'500; ++user) r.come(UserId{user});
  Instant now = start + 20ms;
  while (!r.reporter.idle()) {
    r.next(now);
    r.reporter.answered(now);
    now += 1ms;
  }
  r.reporter.report_all(now);
  std::vector<int> pages;
  while (!r.reporter.idle()) {
    const auto report = r.next(now);
    EXPECT_EQ(report.gone_size(), 0);
    pages.push_back(report.present_size());
    r.reporter.answered(now);
  }
  EXPECT_THAT(pages, ElementsAre(2'000, 2'000, 500));
}

TEST(RouteReporter, AFullReportFitsIntoItsVerb) {
  Reporting r;
  for (std::uint64_t user = 0; user < 2'000; ++user) r.come(UserId{user_id_max - user});
  const auto body = r.reporter.next(start + 20ms);
  ASSERT_TRUE(body);
  EXPECT_LE(body->size(), verb_info(0x0701)->body_max);
}

TEST(RouteReporter, KnowsWhenEverybodyIsReportedWhoeverComesMeanwhile) {
  Reporting r;
  for (std::uint64_t user = 1; user <= 4'500; ++user) r.come(UserId{user});
  Instant now = start + 20ms;
  int reports = 0;
  for (r.reporter.report_all(now); !r.reporter.everybody_is_reported(); ++reports) {
    ASSERT_LT(reports, 20);
    r.next(now);
    EXPECT_FALSE(r.reporter.everybody_is_reported()) << "one is unanswered";
    if (reports == 1) {
      r.reporter.failed(now);
      EXPECT_FALSE(r.reporter.everybody_is_reported()) << "one failed";
      now += 10s;
    } else {
      r.reporter.answered(now);
    }
  }
  EXPECT_GE(reports, 4);
  r.come(UserId{5'000}, now);
  EXPECT_TRUE(r.reporter.everybody_is_reported());
  EXPECT_FALSE(r.reporter.idle());
}

TEST(RouteReporter, EverythingIsRepeatedNowAndThen) {
  Reporting r;
  r.come(alice);
  r.next(start + 20ms);
  r.reporter.answered(start + 20ms);
  EXPECT_EQ(r.reporter.next(start + 19min), std::nullopt);
  EXPECT_THAT(r.next(start + 20min).present(), ElementsAre(1));
  r.reporter.answered(start + 20min);
  EXPECT_GE(*r.reporter.due(), start + 20min + 18min);
  EXPECT_LE(*r.reporter.due(), start + 20min + 22min);
}

TEST(RouteReporter, AUserWhoWasLookedForInVainIsReportedGone) {
  Reporting r;
  r.reporter.changed(alice, start);
  r.reporter.changed(alice, start);
  EXPECT_THAT(r.next(start + 20ms).gone(), ElementsAre(1));
}

}  // namespace
}  // namespace parley::test
