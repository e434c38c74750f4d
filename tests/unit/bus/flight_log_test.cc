#include "bus/flight_log.h"

#include <gmock/gmock.h>

#include "proto/verbs.h"

namespace parley {
namespace {

wire::TraceAnswer asked(const FlightLog& log, const wire::TraceQuery& query) {
  const EnvelopeHeader header{.kind = EnvelopeKind::trace_query, .id = {.number = 17}};
  const std::string bytes = log.answer(header, query.SerializeAsString());
  const auto envelope = decode_envelope(bytes);
  wire::TraceAnswer answer;
  EXPECT_EQ(envelope->header.kind, EnvelopeKind::trace_answer);
  EXPECT_EQ(envelope->header.id.number, 17u) << "the broker knows its asker by it";
  EXPECT_TRUE(answer.ParseFromString(std::string(envelope->body)));
  return answer;
}

wire::TraceQuery of_trace(std::uint64_t trace) {
  wire::TraceQuery query;
  query.set_trace(trace);
  return query;
}

wire::TraceQuery of_user(std::uint64_t user) {
  wire::TraceQuery query;
  query.set_user(user);
  return query;
}

EnvelopeHeader request(std::uint64_t trace, std::uint64_t user, std::uint8_t attempt = 0) {
  return {.verb = static_cast<std::uint16_t>(Verb::c2c_send),
          .attempt = attempt,
          .user = UserId{user},
          .trace = trace};
}

TEST(FlightLog, TellsWhatHappenedToARequestInOrder) {
  FlightLog log("worker-1");
  log.note(FlightPoint::worker_received, request(7, 1, 2));
  log.note(FlightPoint::worker_received, request(8, 1, 1));
  EnvelopeHeader failed = request(7, 1, 2);
  failed.error = static_cast<std::uint16_t>(Errc::retry_later);
  log.note(FlightPoint::worker_replied, failed);

  const wire::TraceAnswer answer = asked(log, of_trace(7));
  EXPECT_EQ(answer.process(), "worker-1");
  ASSERT_EQ(answer.events_size(), 2);
  EXPECT_EQ(answer.events(0).point(), "worker_received");
  EXPECT_EQ(answer.events(0).attempt(), 2u);
  EXPECT_EQ(answer.events(0).verb(), static_cast<std::uint32_t>(Verb::c2c_send));
  EXPECT_EQ(answer.events(0).user(), 1u);
  EXPECT_EQ(answer.events(1).point(), "worker_replied");
  EXPECT_EQ(answer.events(1).error(), static_cast<std::uint32_t>(Errc::retry_later));
  EXPECT_LE(answer.events(0).at_us(), answer.events(1).at_us());
}

TEST(FlightLog, StampsEventsWithTheWallClock) {
  FlightLog log("worker-1");
  const std::int64_t before = wall_clock_ms();
  log.note(FlightPoint::worker_received, request(7, 1));
  const std::int64_t at_us = asked(log, of_trace(7)).events(0).at_us();
  // A clock that is being set is read twice: a second of room.
  EXPECT_GE(at_us / 1000, before - 1000);
  EXPECT_LE(at_us / 1000, wall_clock_ms() + 1000);
}

TEST(FlightLog, FindsTheRequestsOfAUser) {
  FlightLog log("gateway-1");
  log.note(FlightPoint::gateway_published, request(7, 1));
  log.note(FlightPoint::gateway_published, request(8, 2));
  log.note(FlightPoint::gateway_published, request(9, 1));
  const wire::TraceAnswer answer = asked(log, of_user(1));
  ASSERT_EQ(answer.events_size(), 2);
  EXPECT_EQ(answer.events(0).trace(), 7u);
  EXPECT_EQ(answer.events(1).trace(), 9u);
}

TEST(FlightLog, RemembersTheNewestWhenItIsFull) {
  FlightRecorder recorder(4);
  for (std::uint64_t trace = 1; trace <= 6; ++trace)
    recorder.note({.trace = trace, .user = UserId{1}});
  const wire::TraceAnswer answer = recorder.answer(of_user(1), {}, 0);
  ASSERT_EQ(answer.events_size(), 4);
  EXPECT_EQ(answer.events(0).trace(), 3u);
  EXPECT_EQ(answer.events(3).trace(), 6u);
}

TEST(FlightLog, AnswerIsBounded) {
  FlightLog log("gateway-1");
  for (std::uint64_t trace = 1; trace <= 1'000; ++trace)
    log.note(FlightPoint::gateway_published, request(trace, 1));
  const wire::TraceAnswer answer = asked(log, of_user(1));
  ASSERT_EQ(answer.events_size(), static_cast<int>(FlightRecorder::answer_events_max));
  EXPECT_EQ(answer.events(answer.events_size() - 1).trace(), 1'000u);
}

TEST(FlightLog, ForgetsWhatBelongsToNoTrace) {
  FlightLog log("gateway-1");
  log.note(FlightPoint::gateway_published, request(0, 1));
  EXPECT_EQ(asked(log, of_user(1)).events_size(), 0);
}

TEST(FlightLog, QueryThatCannotBeReadAsksForNothing) {
  FlightLog log("gateway-1");
  log.note(FlightPoint::gateway_published, request(7, 1));
  const std::string bytes = log.answer({.kind = EnvelopeKind::trace_query}, "\xff\xff\xff");
  wire::TraceAnswer answer;
  ASSERT_TRUE(answer.ParseFromString(std::string(decode_envelope(bytes)->body)));
  EXPECT_EQ(answer.events_size(), 0);
}

}  // namespace
}  // namespace parley
