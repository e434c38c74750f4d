#include "workers/service_set.h"

#include "tests/unit/workers/bench.h"

namespace parley::test {
namespace {

struct SetOfServices : testing::Test {
  Bench bench;
  Metrics metrics;
  ServiceSet set{make_services(*services_named(std::vector<std::string>{"all"}),
                               {bench.log, bench.users, bench.routes, bench.events,
                                bench.hasher, {}}),
                 metrics};
  Session ann{bench.account("ann"), DeviceId{1}};
  Session bob{bench.account("bob"), DeviceId{2}};
  std::uint64_t chat = direct_conversation(ann.user, bob.user).value;

  Job job(Verb verb, const Session& who, std::string body) {
    return {Bench::request(verb, {who, chat, std::move(body)}), bench.moment.now};
  }
  std::vector<Finished> process(std::vector<Job> batch) {
    for (std::size_t i = 0; i < batch.size(); ++i) batch[i].request.header.id.number = i;
    std::vector<Finished> all;
    set.process(
        std::move(batch), [&] { return bench.moment; },
        [&](Finished finished) { all.push_back(std::move(finished)); });
    return all;
  }
};

TEST_F(SetOfServices, AnswersEachRequestOnceWithItsOwnAnswer) {
  std::vector<Job> batch;
  for (unsigned i = 0; i < 20; ++i) {
    batch.push_back(job(Verb::c2c_send, ann, text(i, "hi").SerializeAsString()));
    batch.push_back(job(Verb::c2c_receipt, bob, "\xff"));
  }
  std::set<std::uint64_t> answered;
  for (const Finished& finished : process(std::move(batch))) {
    for (const Answered& one : finished.answers) {
      EXPECT_TRUE(answered.insert(one.request.header.id.number).second);
      const bool is_send = one.request.header.id.number % 2 == 0;
      EXPECT_EQ(one.header.error, is_send ? 0 : static_cast<int>(Errc::bad_request));
      EXPECT_EQ(one.header.verb, one.request.header.verb);
      EXPECT_TRUE(one.request.body.empty()) << "nobody needs it any more";
    }
  }
  EXPECT_EQ(answered.size(), 40u);
}

TEST_F(SetOfServices, AReceiptAfterASendOfItsConversationSeesTheMessage) {
  wire::ReceiptRequest receipt;
  receipt.set_read(1);
  const auto all = process({job(Verb::c2c_send, ann, text(1, "hi").SerializeAsString()),
                            job(Verb::c2c_receipt, bob, receipt.SerializeAsString())});
  ASSERT_EQ(all.size(), 2u);
  wire::ReceiptReply reply;
  ASSERT_TRUE(reply.ParseFromString(all[1].answers[0].body));
  EXPECT_EQ(reply.read(), 1u);
}

TEST_F(SetOfServices, DropsWhatWaitedLongerThanItsTimeToLive) {
  std::vector<Job> batch{job(Verb::c2c_send, ann, text(1, "old").SerializeAsString()),
                         job(Verb::c2c_send, ann, text(2, "new").SerializeAsString()),
                         job(Verb::c2c_send, ann, text(3, "dead").SerializeAsString())};
  batch[0].request.header.ttl_ms = 500;
  batch[0].arrived = bench.moment.now - 500ms;
  batch[1].request.header.ttl_ms = 500;
  batch[1].arrived = bench.moment.now - 499ms;
  batch[2].request.header.ttl_ms = 0;
  const auto all = process(std::move(batch));
  ASSERT_EQ(all.size(), 2u);
  ASSERT_EQ(all[0].answers.size(), 2u);
  for (const Answered& late : all[0].answers)
    EXPECT_EQ(late.header.error, static_cast<int>(Errc::retry_later));
  EXPECT_EQ(all[1].answers[0].header.error, 0);
  EXPECT_EQ(bench.log.range(ConversationId{chat}, Seq{1}, Seq{9}, {})->entries.size(), 1u);
}

// A slow verb asks the database for each request: nobody waits for the last one's answer, and the
// last one is looked at again before it is worked on.
TEST_F(SetOfServices, AnswersOfOneAtATimeVerbsLeaveInSlicesAndTheRestMayExpire) {
  wire::HistoryRequest newest;
  newest.set_limit(1);
  std::vector<Job> batch;
  for (std::uint64_t i = 0; i < 40; ++i) {
    batch.push_back(job(Verb::c2c_history, ann, newest.SerializeAsString()));
    batch[i].request.header.id.number = i;
    batch[i].request.header.ttl_ms = 1'500;
  }
  const Instant begin = bench.moment.now;
  std::vector<std::size_t> parts;
  std::set<std::uint64_t> expired;
  set.process(
      std::move(batch), [&] { return bench.moment; },
      [&](Finished finished) {
        parts.push_back(finished.answers.size());
        for (const Answered& one : finished.answers) {
          if (one.header.error != 0) expired.insert(one.request.header.id.number);
        }
        bench.pass(1s);  // so long a slice takes
      });
  EXPECT_EQ(parts, (std::vector<std::size_t>{16, 16, 8}));
  EXPECT_EQ(expired, (std::set<std::uint64_t>{32, 33, 34, 35, 36, 37, 38, 39}));
  EXPECT_EQ(bench.moment.now - begin, 3s);
}

TEST_F(SetOfServices, AVerbOfWholeBatchesIsNotCut) {
  std::vector<Job> batch;
  for (unsigned i = 0; i < 40; ++i)
    batch.push_back(job(Verb::c2c_send, ann, text(i, "hi").SerializeAsString()));
  const auto all = process(std::move(batch));
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].answers.size(), 40u);
}

TEST_F(SetOfServices, KnowsEachVerbsLane) {
  const auto lanes = set.lanes();
  EXPECT_EQ(lanes.at(static_cast<std::uint16_t>(Verb::c2c_send)), Lane::store);
  EXPECT_EQ(lanes.at(static_cast<std::uint16_t>(Verb::login_password)), Lane::hashing);
  EXPECT_EQ(lanes.at(static_cast<std::uint16_t>(Verb::login_resume)), Lane::sessions);
  EXPECT_EQ(lanes.at(static_cast<std::uint16_t>(Verb::route_report)), Lane::routes);
}

TEST_F(SetOfServices, AnUnknownVerbIsUnsupported) {
  auto strange = job(Verb::c2c_send, ann, "");
  strange.request.header.verb = 0x02FF;
  EXPECT_EQ(process({strange})[0].answers[0].header.error, static_cast<int>(Errc::unsupported));
}

TEST_F(SetOfServices, CountsAnswersByVerbAndResult) {
  process({job(Verb::c2c_send, ann, text(1, "hi").SerializeAsString()),
           job(Verb::c2c_send, ann, "\xff")});
  const std::string scrape = metrics.text();
  EXPECT_NE(scrape.find(R"(parley_worker_requests_total{result="ok",verb="c2c.send"} 1)"),
            std::string::npos)
      << scrape;
  EXPECT_NE(scrape.find(R"(parley_worker_requests_total{result="failed",verb="c2c.send"} 1)"),
            std::string::npos);
}

TEST(ReplyTo, CodesThatOnlyMeanSomethingHereDoNotLeave) {
  const auto error_of = [](Errc code) { return reply_to({}, fail(code, "", 7)).header; };
  EXPECT_EQ(error_of(Errc::disconnected).error, static_cast<int>(Errc::retry_later));
  EXPECT_EQ(error_of(Errc::io).error, static_cast<int>(Errc::internal));
  EXPECT_EQ(error_of(Errc::conflict).error, static_cast<int>(Errc::conflict));
  EXPECT_EQ(error_of(Errc::rate_limited).retry_after_ms, 7u);
}

TEST(ReplyTo, CarriesWhatALoginBinds) {
  BusRequest request;
  request.header.trace = 5;
  request.header.user = UserId{9};  // what was asked is not what was granted
  const auto answered = reply_to(request, Answer{.body = "hello",
                                                 .flags = flag_binds_session,
                                                 .user = UserId{1},
                                                 .device = DeviceId{2},
                                                 .generation = Generation{3},
                                                 .target = 4});
  EXPECT_EQ(answered.header.flags, flag_binds_session);
  EXPECT_EQ(answered.header.user, UserId{1});
  EXPECT_EQ(answered.header.device, DeviceId{2});
  EXPECT_EQ(answered.header.generation, Generation{3});
  EXPECT_EQ(answered.header.target, 4u);
  EXPECT_EQ(answered.header.trace, 5u);
  EXPECT_EQ(answered.body, "hello");
}

}  // namespace
}  // namespace parley::test
