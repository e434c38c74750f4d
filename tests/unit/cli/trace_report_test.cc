#include "cli/trace_report.h"

#include <gmock/gmock.h>

#include "base/error.h"
#include "proto/verbs.h"

namespace parley {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::int64_t start_us = 1'700'000'000'000'000;

struct Noted {
  const char* point;
  std::int64_t after_us;
  std::uint32_t attempt = 0;
  Errc error{};
  std::uint64_t trace = 1;
};

wire::TraceAnswer answer(const std::string& process, const std::vector<Noted>& notes) {
  wire::TraceAnswer answer;
  answer.set_process(process);
  for (const Noted& note : notes) {
    auto& event = *answer.add_events();
    event.set_trace(note.trace);
    event.set_at_us(start_us + note.after_us);
    event.set_point(note.point);
    event.set_verb(static_cast<std::uint32_t>(Verb::c2c_send));
    event.set_attempt(note.attempt);
    event.set_error(static_cast<std::uint32_t>(note.error));
    if (std::string(note.point) != "gateway_replied") event.set_user(42);
  }
  return answer;
}

// A message that everything went well with.
std::vector<wire::TraceAnswer> usual() {
  return {answer("broker-1", {{"broker_accepted", 200}, {"broker_sent", 210, 1},
                              {"broker_replied", 2'500, 1}}),
          answer("worker-1", {{"worker_received", 300, 1}, {"worker_replied", 2'400, 1}}),
          answer("gateway-1", {{"gateway_published", 0}, {"gateway_replied", 2'600}})};
}

std::vector<std::string> points(const std::vector<TraceLine>& lines) {
  std::vector<std::string> points;
  for (const TraceLine& line : lines) points.push_back(line.event.point());
  return points;
}

const auto in_order =
    ElementsAre("gateway_published", "broker_accepted", "broker_sent", "worker_received",
                "worker_replied", "broker_replied", "gateway_replied");

TEST(Trace, IsToldInTheOrderOfTime) {
  const auto lines = merged(usual());
  EXPECT_THAT(points(lines), in_order);
  EXPECT_EQ(lines[0].process, "gateway-1");
  EXPECT_EQ(lines[1].process, "broker-1");
  EXPECT_EQ(lines[3].process, "worker-1");
}

TEST(Trace, CountsAProcessOnceThatAnsweredThroughTwoBrokers) {
  auto answers = usual();
  auto again = usual();
  // It reckoned the time anew, and has seen more by now.
  for (auto& event : *again[1].mutable_events()) event.set_at_us(event.at_us() + 1);
  answers[1].mutable_events()->RemoveLast();
  answers.push_back(again[1]);
  answers.push_back(again[2]);
  EXPECT_THAT(points(merged(answers)), in_order);
}

TEST(Trace, PutsAnEffectBehindItsCauseWhenClocksDisagree) {
  auto answers = usual();
  for (auto& event : *answers[0].mutable_events()) event.set_at_us(event.at_us() - 5'000);
  const auto lines = merged(answers);
  EXPECT_THAT(points(lines), in_order);
  EXPECT_EQ(lines[1].event.at_us(), start_us) << "right behind it, not before";
}

TEST(Trace, AnswerThatCameTooLateStaysLate) {
  const auto lines = merged(
      {answer("gateway-1", {{"gateway_published", 0}, {"gateway_replied", 10'000'000, 0,
                                                       Errc::retry_later}}),
       answer("broker-1", {{"broker_accepted", 1},
                           {"broker_sent", 2, 1},
                           {"broker_expired", 9'999'000, 1, Errc::retry_later}}),
       answer("worker-1", {{"worker_received", 3, 1}, {"worker_replied", 11'000'000, 1}})});
  EXPECT_EQ(lines.back().event.point(), "worker_replied");
}

TEST(Trace, KeepsAttemptsApart) {
  const auto lines = merged(
      {answer("gateway-1", {{"gateway_published", 0}, {"gateway_replied", 2'000}}),
       answer("broker-1", {{"broker_accepted", 1},
                           {"broker_sent", 2, 1},
                           {"broker_taken_back", 900, 1},
                           {"broker_sent", 901, 2},
                           {"broker_replied", 1'990, 2}}),
       answer("worker-1", {{"worker_received", 5, 1}}),
       answer("worker-2", {{"worker_received", 899, 2}, {"worker_replied", 1'900, 2}})});
  EXPECT_THAT(points(lines),
              ElementsAre("gateway_published", "broker_accepted", "broker_sent", "worker_received",
                          "broker_taken_back", "broker_sent", "worker_received", "worker_replied",
                          "broker_replied", "gateway_replied"));
}

TEST(Trace, OfABusinessSystemsRequestIsToldInTheOrderOfCauses) {
  const std::vector<wire::TraceAnswer> pushed{
      answer("broker-1", {{"broker_accepted", -900}, {"broker_sent", -890, 1},
                          {"broker_replied", 2'000, 1}}),
      answer("worker-1", {{"worker_received", 300, 1}, {"worker_replied", 1'900, 1}}),
      answer("payroll-1", {{"business_asked", 0}, {"business_got_answer", 1'800}})};
  EXPECT_THAT(points(merged(pushed)),
              ElementsAre("business_asked", "broker_accepted", "broker_sent", "worker_received",
                          "worker_replied", "broker_replied", "business_got_answer"));
  EXPECT_EQ(summary_of(merged(pushed)).outcome, "answered");
}

TEST(Trace, OfAnAppsRequestIsToldInTheOrderOfCauses) {
  auto answers = usual();
  answers[1] = answer("payroll-1", {{"business_received", -50, 1}, {"business_replied", 2'900, 1}});
  EXPECT_THAT(points(merged(answers)),
              ElementsAre("gateway_published", "broker_accepted", "broker_sent",
                          "business_received", "business_replied", "broker_replied",
                          "gateway_replied"));
}

TEST(TraceSummary, TakesUntilTheAnswerWhateverIsToldLater) {
  auto answers = usual();
  *answers[2].add_events() = answer("gateway-1", {{"gateway_delivered", 9'000}}).events(0);
  EXPECT_EQ(summary_of(merged(answers)).took_us, 2'600);
  EXPECT_EQ(summary_of(merged({answers[0]})).took_us, 2'300) << "by the broker's word";
  EXPECT_EQ(summary_of(merged({answers[1]})).took_us, 2'100) << "no answer is known";
}

TEST(Trace, PutsWhatOthersAreToldBehindItsCause) {
  auto answers = usual();
  *answers[0].add_events() = answer("broker-1", {{"broker_delivered", 250}}).events(0);
  *answers[2].add_events() = answer("gateway-1", {{"gateway_delivered", 240}}).events(0);
  EXPECT_THAT(points(merged(answers)),
              ElementsAre("gateway_published", "broker_accepted", "broker_sent", "worker_received",
                          "broker_delivered", "gateway_delivered", "worker_replied",
                          "broker_replied", "gateway_replied"));
}

TEST(TraceSummary, SaysHowItEnded) {
  const TraceSummary good = summary_of(merged(usual()));
  EXPECT_EQ(good.outcome, "answered");
  EXPECT_EQ(good.took_us, 2'600);
  EXPECT_EQ(good.user, 42u);
  EXPECT_EQ(summary_of(merged({answer("gateway-1", {{"gateway_published", 0}})})).outcome,
            "no answer is known");
  EXPECT_EQ(summary_of(merged({answer("gateway-1", {{"gateway_published", 0},
                                                    {"gateway_replied", 9, 0,
                                                     Errc::retry_later}})}))
                .outcome,
            "answered with retry_later");
  EXPECT_EQ(summary_of(merged({answer("broker-1", {{"broker_sent", 0, 3}, {"broker_parked", 1, 3}}),
                               answer("gateway-1", {{"gateway_replied", 9, 0, Errc::internal}})}))
                .outcome,
            "set aside as poison");
}

TEST(TraceSummary, TakesTheBrokersWordWhereWhoAskedDoesNotTell) {
  const auto outcome = [](const char* point, Errc error) {
    return summary_of(merged({answer("broker-1", {{"broker_accepted", 0}, {point, 9, 1, error}})}))
        .outcome;
  };
  EXPECT_EQ(outcome("broker_replied", {}), "answered");
  EXPECT_EQ(outcome("broker_replied", Errc::not_found), "answered with not_found");
  EXPECT_EQ(outcome("broker_refused", Errc::rate_limited), "answered with rate_limited");
  EXPECT_EQ(outcome("broker_expired", Errc::retry_later), "answered with retry_later");
  EXPECT_EQ(outcome("broker_sent", {}), "no answer is known");
}

TEST(TraceSummary, TakesTheWordOfWhoAskedBeforeTheBrokers) {
  const auto refused = answer("payroll-1", {{"business_asked", 0},
                                            {"business_got_answer", 9'000, 0, Errc::retry_later}});
  const auto passed_on = answer("broker-1", {{"broker_replied", 9'500, 1}});
  EXPECT_EQ(summary_of(merged({passed_on, refused})).outcome, "answered with retry_later");
  auto lied = usual();
  lied.push_back(answer("payroll-1", {{"business_got_answer", 9'000, 0, Errc::internal}}));
  EXPECT_EQ(summary_of(merged(lied)).outcome, "answered") << "it was the gateway that asked";

  auto answers = usual();
  answers[2].mutable_events()->RemoveLast();
  EXPECT_EQ(summary_of(merged(answers)).outcome, "no answer is known");
}

TEST(TraceStory, TellsWhoDidWhatAndHowLongItTook) {
  const std::string story = trace_story(merged(usual()));
  EXPECT_THAT(story, testing::StartsWith(
                         "0000000000000001: c2c.send of user 42, answered, 2.600 ms\n"));
  EXPECT_THAT(story, HasSubstr("+0.200 ms  broker-1      a broker took it over\n"));
  EXPECT_THAT(story, HasSubstr("+0.090 ms  worker-1      a worker received it, attempt 1\n"));
  EXPECT_THAT(story, HasSubstr("+2.100 ms  worker-1      a worker answered it, attempt 1\n"));
}

TEST(TraceStory, KeepsItsColumnsWithLongNames) {
  const std::string name(64, 'n');
  const std::string story = trace_story(merged(
      {answer(name, {{"business_asked", 0}}), answer("broker-1", {{"broker_accepted", 200}})}));
  EXPECT_THAT(story, HasSubstr(name + "  a business system asked it\n"));
  EXPECT_THAT(story, HasSubstr("broker-1" + std::string(58, ' ') + "a broker took it over\n"));
}

TEST(TraceStory, ShowsErrorsAndWhatItDoesNotKnow) {
  wire::TraceAnswer newer = answer("broker-9", {{"broker_meditated", 0, 0, Errc::no_service}});
  newer.mutable_events(0)->set_verb(0xFFFF);
  EXPECT_THAT(trace_story(merged({newer})), HasSubstr("broker_meditated: no_service\n"));
  newer.mutable_events(0)->set_error(999);
  EXPECT_THAT(trace_story(merged({newer})), HasSubstr("broker_meditated: error 999\n"));
}

TEST(NewestTraces, AreThoseOfTheLastEvents) {
  const auto lines = merged({answer("gateway-1", {{"gateway_published", 0, 0, {}, 1},
                                                  {"gateway_published", 10, 0, {}, 2},
                                                  {"gateway_replied", 20, 0, {}, 1},
                                                  {"gateway_published", 30, 0, {}, 3}})});
  EXPECT_THAT(newest_traces(lines, 2), ElementsAre(3, 1));
  EXPECT_THAT(newest_traces(lines, 9), ElementsAre(3, 1, 2));
  EXPECT_THAT(newest_traces({}, 9), IsEmpty());
}

}  // namespace
}  // namespace parley
