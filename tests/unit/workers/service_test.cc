#include "workers/service.h"

#include "proto/c2c.pb.h"
#include "tests/unit/workers/bench.h"

namespace parley::test {
namespace {

constexpr auto pull = static_cast<std::uint16_t>(Verb::c2c_pull);

BusRequest asking(std::string body, UserId user = UserId{1}) {
  return Bench::request(Verb::c2c_pull, {{.user = user}, 0, std::move(body)});
}

Outcome run(Service& service, const std::vector<BusRequest>& requests) {
  std::vector<const BusRequest*> pointers;
  for (const BusRequest& request : requests) pointers.push_back(&request);
  return service.run(pull, pointers, {});
}

std::string range(std::uint64_t from) {
  wire::PullRequest message;
  message.set_from(from);
  return message.SerializeAsString();
}

// Answers with the number that was asked.
Outcome echo(std::span<const Request<wire::PullRequest>> requests, const Moment&) {
  Outcome outcome;
  for (const auto& request : requests)
    outcome.answers.emplace_back(Answer{.body = std::to_string(request.body.from())});
  return outcome;
}

TEST(Service, TheHandlerSeesTheGoodRequestsAndTheOthersFailAlone) {
  Service service(ServiceId::c2c);
  std::size_t seen = 0;
  service.on<wire::PullRequest>(Verb::c2c_pull, Lane::store, allow_user,
                                [&](auto requests, const Moment& moment) {
                                  seen = requests.size();
                                  return echo(requests, moment);
                                });
  const auto outcome =
      run(service, {asking(range(1)), asking("\xff\xff"), asking(range(2)),
                    asking(std::string(65, 'x')), asking(range(3), UserId{}), asking(range(4))});
  EXPECT_EQ(seen, 3u);
  EXPECT_EQ(outcome.answers[0]->body, "1");
  EXPECT_EQ(code_of(outcome.answers[1]), Errc::bad_request);
  EXPECT_EQ(outcome.answers[2]->body, "2");
  EXPECT_EQ(code_of(outcome.answers[3]), Errc::too_large);
  EXPECT_EQ(code_of(outcome.answers[4]), Errc::unauthenticated);
  EXPECT_EQ(outcome.answers[5]->body, "4");
}

TEST(Service, NothingOfAnEarlierMessageShinesThrough) {
  Service service(ServiceId::c2c);
  service.on<wire::PullRequest>(Verb::c2c_pull, Lane::store, allow_user, echo);
  EXPECT_EQ(run(service, {asking(range(77))}).answers[0]->body, "77");
  EXPECT_EQ(run(service, {asking("")}).answers[0]->body, "0");
}

TEST(Service, DoesNotBotherTheHandlerWithNothing) {
  Service service(ServiceId::c2c);
  service.on<wire::PullRequest>(Verb::c2c_pull, Lane::store, allow_user,
                                [](auto requests, const Moment& moment) {
                                  ADD_FAILURE() << "called for " << requests.size();
                                  return echo(requests, moment);
                                });
  EXPECT_EQ(code_of(run(service, {asking("\xff")}).answers[0]), Errc::bad_request);
}

TEST(Service, TheAdapterAsksForOneAtATimeAndKeepsAllDeliveries) {
  Service service(ServiceId::c2c);
  service.on_each<wire::PullRequest>(
      Verb::c2c_pull, Lane::store, allow_user, [](const auto& request, const Moment&) -> Response {
        Delivery delivery{.notice = Notice::c2c_message, .key = request.body.from()};
        if (request.body.from() == 2) return {fail(Errc::refused), {delivery}};
        return {Answer{.body = "ok"}, {delivery, delivery}};
      });
  BusRequest first = asking(range(1));
  BusRequest second = asking(range(2));
  first.header.trace = 11;
  second.header.trace = 12;
  const auto outcome = run(service, {first, second});
  EXPECT_EQ(outcome.answers[0]->body, "ok");
  EXPECT_EQ(code_of(outcome.answers[1]), Errc::refused);
  ASSERT_EQ(outcome.deliveries.size(), 3u);
  EXPECT_EQ(outcome.deliveries[2].key, 2u);
  EXPECT_EQ(outcome.deliveries[1].trace, 11u);
  EXPECT_EQ(outcome.deliveries[2].trace, 12u);
}

TEST(Service, NamesTheVerbsThatNobodyServes) {
  Service service(ServiceId::route);
  EXPECT_EQ(service.missing_verbs(), std::vector<std::string_view>{"route.report"});
}

TEST(Service, EveryServiceServesAllItsVerbs) {
  Bench bench;
  const ServiceDeps deps{bench.log, bench.users, bench.routes, bench.events, bench.hasher, {}};
  const std::vector<std::string> all{"all"};
  for (const Service& service : make_services(*services_named(all), deps))
    EXPECT_TRUE(service.missing_verbs().empty())
        << *service_name(static_cast<std::uint8_t>(service.id()));
}

// RELIABILITY §5.2: a verb that is not in this table does not pass.
TEST(Service, EachVerbRefusesCallersThatAreNotItsOwn) {
  Bench bench;
  const auto refusal = [&](Verb verb, UserId user) {
    const auto answer = bench.ask_raw(verb, {{.user = user}, 12'345, ""});
    return answer ? std::nullopt : std::optional{answer.error().code};
  };
#define PARLEY_VERB(service, name, number, caller, key, body_max)                                  \
  if (ServiceId::service != ServiceId::app) {                                                      \
    const Verb verb = Verb::service##_##name;                                                      \
    if (Caller::caller == Caller::user) {                                                          \
      EXPECT_EQ(refusal(verb, UserId{}), Errc::unauthenticated) << #name;                          \
    } else if (Caller::caller == Caller::gateway || Caller::caller == Caller::business) {          \
      EXPECT_EQ(refusal(verb, UserId{1}), Errc::unsupported) << #name;                             \
    }                                                                                              \
    if (KeyRule::key == KeyRule::target) {                                                         \
      EXPECT_EQ(refusal(verb, UserId{1}), Errc::not_found) << #name << ": no conversation of his"; \
    }                                                                                              \
  }
#include "proto/verbs.def"
#undef PARLEY_VERB
}

using ServiceDeath = testing::Test;

TEST_F(ServiceDeath, RegisteringAVerbTwiceOrElsewhereIsOurMistake) {
  Service service(ServiceId::c2c);
  service.on<wire::PullRequest>(Verb::c2c_pull, Lane::store, allow_user, echo);
  EXPECT_DEATH(service.on<wire::PullRequest>(Verb::c2c_pull, Lane::store, allow_user, echo), "");
  EXPECT_DEATH(service.on<wire::PullRequest>(Verb::login_find, Lane::store, allow_user, echo), "");
}

}  // namespace
}  // namespace parley::test
