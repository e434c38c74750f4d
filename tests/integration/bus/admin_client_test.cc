#include "bus/admin_client.h"

#include <gmock/gmock.h>

#include "bus/batch.h"
#include "tests/support/fake_broker.h"

namespace parley::test {
namespace {

using testing::HasSubstr;

constexpr Duration soon = 10s;
const std::string nobody = "ipc:///tmp/parley-nobody-listens-here";

template <typename Message>
std::string envelope(EnvelopeKind kind, const Message& body) {
  return encode({.kind = kind}, body.SerializeAsString());
}

std::string trace_reply(const std::string& process, std::uint32_t asked = 0) {
  wire::AdminReply reply;
  reply.set_asked(asked);
  reply.mutable_trace()->set_process(process);
  return envelope(EnvelopeKind::admin_reply, reply);
}

std::vector<std::string> processes(const TraceReplies& replies) {
  std::vector<std::string> names;
  for (const auto& answer : replies.answers) names.push_back(answer.process());
  return names;
}

TEST(AdminClient, AsksEachBrokerAndKeepsTheirOrder) {
  const auto broker = [](const std::string& name) {
    return [name](const Envelope& question) -> std::vector<std::string> {
      if (question.header.kind != EnvelopeKind::status) return {};
      wire::BrokerStatus status;
      status.set_name(name);
      return {envelope(EnvelopeKind::status_reply, status)};
    };
  };
  FakeBroker first(broker("first")), second(broker("second"));
  const auto answers = ask_status(Endpoints{{second.endpoint()}, {first.endpoint()}}, soon);
  ASSERT_TRUE(answers[0] && answers[1]);
  EXPECT_EQ(answers[0]->name(), "second");
  EXPECT_EQ(answers[1]->name(), "first");
}

TEST(AdminClient, WaitsNoLongerThanTheLimitAndNamesWhoIsSilent) {
  FakeBroker broker([](const Envelope&) -> std::vector<std::string> {
    return {envelope(EnvelopeKind::status_reply, wire::BrokerStatus())};
  });
  const auto answers = ask_status(Endpoints{{nobody}, {broker.endpoint()}}, 50ms);
  ASSERT_FALSE(answers[0]);
  EXPECT_EQ(answers[0].error().code, Errc::retry_later);
  EXPECT_EQ(answers[0].error().detail, nobody + " does not answer");
}

TEST(AdminClient, SaysWhatIsNoEndpoint) {
  const auto answer = ask_status(BusEndpoint{"nonsense"}, soon);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Errc::config);
}

TEST(AdminClient, RefusesWhatIsNoBroker) {
  for (const std::string& answer :
       {std::string("hello"), encode({.kind = EnvelopeKind::pong}, {}),
        encode({.kind = EnvelopeKind::status_reply}, "\xff\xff\xff")}) {
    FakeBroker broker([&](const Envelope&) { return std::vector{answer}; });
    const auto status = ask_status(BusEndpoint{broker.endpoint()}, soon);
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().code, Errc::bad_frame);
    EXPECT_THAT(status.error().detail, HasSubstr(broker.endpoint()));
  }
}

TEST(AdminClient, BringsARequestAndItsAnswer) {
  FakeBroker broker([](const Envelope& question) -> std::vector<std::string> {
    wire::AdminRequest request;
    request.ParseFromString(std::string(question.body));
    wire::AdminReply reply;
    reply.set_count(request.drain().peer() == "worker-1" ? 1 : 0);
    return {envelope(EnvelopeKind::admin_reply, reply)};
  });
  wire::AdminRequest request;
  request.mutable_drain()->set_peer("worker-1");
  const auto answers = ask_admin({{broker.endpoint()}}, request, soon);
  ASSERT_TRUE(answers[0]) << answers[0].error().detail;
  EXPECT_EQ(answers[0]->count(), 1u);
}

TEST(AdminClient, ReturnsTheErrorThatABrokerAnswersWith) {
  FakeBroker broker([](const Envelope&) -> std::vector<std::string> {
    return {encode({.kind = EnvelopeKind::admin_reply,
                    .error = static_cast<std::uint16_t>(Errc::refused)},
                   {})};
  });
  const auto answers = ask_admin({{broker.endpoint()}}, {}, soon);
  ASSERT_FALSE(answers[0]);
  EXPECT_EQ(answers[0].error().code, Errc::refused);
}

TEST(AdminClient, CollectsATraceFromAllWhoWereAsked) {
  // As a broker sends them: some alone, some together.
  FakeBroker broker([](const Envelope&) -> std::vector<std::string> {
    const std::vector<std::string> rest{trace_reply("worker-1"), trace_reply("worker-2")};
    std::string batch;
    auto next = rest.begin();
    pack(next, rest.end(), batch);
    return {trace_reply("broker-1", 3), trace_reply("gateway-1"), batch};
  });
  const auto answers = ask_trace({{broker.endpoint()}}, {}, soon);
  ASSERT_TRUE(answers[0]) << answers[0].error().detail;
  EXPECT_THAT(processes(*answers[0]),
              testing::ElementsAre("broker-1", "gateway-1", "worker-1", "worker-2"));
  EXPECT_EQ(answers[0]->missing, 0u);
}

TEST(AdminClient, SaysHowManyDidNotAnswerATrace) {
  FakeBroker broker([](const Envelope&) -> std::vector<std::string> {
    return {trace_reply("broker-1", 3), trace_reply("gateway-1")};
  });
  const auto answers = ask_trace({{broker.endpoint()}, {nobody}}, {}, 300ms);
  ASSERT_TRUE(answers[0]) << answers[0].error().detail;
  EXPECT_THAT(processes(*answers[0]), testing::ElementsAre("broker-1", "gateway-1"));
  EXPECT_EQ(answers[0]->missing, 2u);
  ASSERT_FALSE(answers[1]);
  EXPECT_EQ(answers[1].error().code, Errc::retry_later);
}

}  // namespace
}  // namespace parley::test
