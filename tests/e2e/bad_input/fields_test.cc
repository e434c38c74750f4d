// Every field of every request, with everything that can be wrong with it (RELIABILITY §4.1, "fields"): the cases are
// made from the schema, so a new verb or field is tried without anybody remembering it. What its absence and
// its greatest value mean has to be said here, or the test fails.
#include <set>

#include "gateway/counts.h"
#include "proto/event.pb.h"
#include "proto/limits.h"
#include "tests/e2e/bad_input/besieged_gateway.h"
#include "tests/e2e/bad_input/business_desk.h"
#include "tests/e2e/bad_input/good_bodies.h"
#include "tests/e2e/bad_input/mutations.h"

namespace parley::test {
namespace {

struct FieldRule {
  const char* missing;
  const char* greatest = "";  // of numbers: 2^64-1, or what is the greatest of its type
};
// The one list that a new field needs a line in.
const std::map<std::string, FieldRule> field_rules{
    {"RegisterRequest.name", {"bad_request"}},
    {"RegisterRequest.password", {"bad_request"}},
    {"RegisterRequest.nickname", {"reply"}},
    {"PasswordRequest.name", {"bad_request"}},
    {"PasswordRequest.password", {"refused"}},
    {"PasswordRequest.device", {"bad_request"}},
    {"TokenRequest.access_token", {"refused"}},
    {"TokenRequest.device", {"bad_request"}},
    {"ResumeRequest.device_token", {"refused"}},
    {"ResumeRequest.device", {"bad_request"}},
    {"Device.id", {"bad_request", "another device"}},
    {"Device.device_class", {"bad_request", "bad_request"}},
    {"FindRequest.names", {"reply"}},
    {"FindRequest.users", {"reply", "reply"}},
    {"SendRequest.client_id", {"bad_request"}},
    {"SendRequest.kind", {"bad_request", "bad_request"}},
    {"SendRequest.body", {"bad_request"}},
    {"ReceiptRequest.received", {"reply", "reply"}},
    {"ReceiptRequest.read", {"reply", "reply"}},
    {"PullRequest.from", {"bad_request", "bad_request"}},
    {"PullRequest.to", {"bad_request", "reply"}},
    {"HistoryRequest.before", {"reply", "reply"}},
    {"HistoryRequest.limit", {"bad_request", "reply"}},
    {"ConversationsRequest.after", {"reply", "reply"}},
    {"ConversationsRequest.limit", {"bad_request", "reply"}},
    {"PublishRequest.publish_id", {"bad_request"}},
    {"PublishRequest.publisher", {"refused"}},
    {"PublishRequest.keep", {"bad_request", "bad_request"}},
    {"PublishRequest.users", {"bad_request", "reply"}},
    {"PublishRequest.everyone", {"reply", "bad_request"}},
    {"PublishRequest.body", {"bad_request"}},
    {"SubscribeRequest.kinds", {"bad_request", "bad_request"}},
    {"EventPullRequest.cursor", {"reply", "bad_request"}},
    {"EventPullRequest.limit", {"bad_request", "reply"}},
};

// What a value may lead to where the value decides.
const std::set<std::string> definite_outcomes{"reply",     "bad_request", "refused", "not_found",
                                              "too_large", "conflict"};

class Fields : public BadClient {
 protected:
  void SetUp() override {
    BadClient::SetUp();
    SocketClient client = gateway().at(alice());
    ASSERT_EQ(outcome(client, Verb::c2c_send, send_body("the first"), conversation()), "reply");
  }

  void TearDown() override {
    user_.reset();
    BadClient::TearDown();
  }

  std::string good_body(Verb verb) {
    return test::good_body(verb, alice(), bob(), verb == Verb::event_pull ? event_cursor() : 0);
  }
  std::string ask(Verb verb, const std::string& body);
  std::string ask_as_business(Verb verb, const std::string& body);
  BusinessDesk& desk();
  std::uint64_t event_cursor();
  void try_all(Verb verb, const std::string& message);
  std::string expected_outcome(Verb verb, const Mutation& mutation) const;

  std::optional<SocketClient> user_;
  std::optional<BusinessDesk> desk_;
  std::uint64_t event_cursor_ = 0;
};

std::string Fields::ask(Verb verb, const std::string& body) {
  const auto caller = verb_info(static_cast<std::uint16_t>(verb))->caller;
  if (caller == Caller::business) return ask_as_business(verb, body);
  const bool ends = verb == Verb::login_logout;
  if (caller == Caller::anonymous || ends || !user_) {
    user_.reset();
    user_.emplace(caller == Caller::anonymous ? gateway().shaken() : gateway().at(alice()));
  }
  const std::uint64_t target = verb == Verb::login_find ? 0 : conversation();
  const std::string outcome = test::outcome(*user_, verb, body, target);
  if (outcome == "closed" || ends) user_.reset();
  return outcome;
}

BusinessDesk& Fields::desk() {
  if (!desk_) desk_.emplace(gateway().cluster(), business_name);
  return *desk_;
}

// Of something that has happened since there was a subscription.
std::uint64_t Fields::event_cursor() {
  if (event_cursor_ != 0) return event_cursor_;
  EXPECT_TRUE(desk().ask(Verb::event_subscribe, good_body(Verb::event_subscribe)));
  wire::EventPullRequest request;
  request.set_limit(1);
  EXPECT_TRUE(eventually(10s, [&] {
    expect_served();  // which sends a message
    wire::EventPullReply reply;
    const auto answer = desk().ask(Verb::event_pull, request.SerializeAsString());
    if (answer && reply.ParseFromString(*answer)) event_cursor_ = reply.cursor();
    return event_cursor_ != 0;
  }));
  return event_cursor_;
}

std::string Fields::ask_as_business(Verb verb, const std::string& body) {
  const auto answer = desk().ask(verb, body);
  return answer ? "reply" : std::string(name_of(answer.error().code));
}

std::string Fields::expected_outcome(Verb verb, const Mutation& mutation) const {
  const auto info = verb_info(static_cast<std::uint16_t>(verb));
  if (mutation.body.size() > info->body_max) return "too_large";
  if (mutation.expected == Expected::reply) return "reply";
  if (mutation.expected == Expected::bad_request) return "bad_request";
  if (mutation.expected == Expected::too_large) return "too_large";
  if (mutation.expected == Expected::definite) return "definite";
  const auto rule = field_rules.find(mutation.field);
  if (rule == field_rules.end()) return mutation.field + " has no rule in field_rules";
  if (mutation.expected == Expected::as_missing) return rule->second.missing;
  if (rule->second.greatest != std::string("another device")) return rule->second.greatest;
  return verb == Verb::login_password ? "reply" : "refused";  // tokens are a device's own
}

void Fields::try_all(Verb verb, const std::string& message) {
  const auto info = verb_info(static_cast<std::uint16_t>(verb));
  const std::size_t list_max = verb == Verb::login_find     ? limits::find_max - 1  // and one more
                               : verb == Verb::push_publish ? limits::publish_users_max
                                                            : 0;
  const auto fresh = [&](std::size_t i) {
    // Logins end each other's tokens: each case begins with new ones.
    if (info->caller == Caller::anonymous && verb != Verb::login_register) gateway().at(alice());
    return mutations_of(message, good_body(verb), list_max, info->body_max).at(i);
  };
  EXPECT_EQ(ask(verb, good_body(verb)), "reply") << info->name;
  const std::size_t count =
      mutations_of(message, good_body(verb), list_max, info->body_max).size();
  for (std::size_t i = 0; i < count; ++i) {
    const Mutation mutation = fresh(i);
    const std::string expected = expected_outcome(verb, mutation);
    const std::string got = ask(verb, mutation.body);
    const bool fits = expected == "definite" ? definite_outcomes.contains(got) : got == expected;
    EXPECT_TRUE(fits) << info->name << ", " << mutation.name << ": " << got << " instead of "
                      << expected;
  }
  std::printf("%-18s %zu cases\n", std::string(info->name).c_str(), count);
}

TEST_F(Fields, OfEveryRequestAreChecked) {
  for (const Verb verb : verb_numbers) {
    if (verb == Verb::app_request || verb == Verb::route_report) continue;  // opaque; never
    const auto message = request_messages().find(verb);
    ASSERT_NE(message, request_messages().end());
    try_all(verb, message->second);
    expect_served();
  }
}

// A line for what is not there any more is a lie.
TEST(FieldRules, NameFieldsOfRequests) {
  std::set<std::string> fields;
  for (const auto& [message, list] : schema())
    for (const SchemaField& field : list) fields.insert(message + "." + field.name);
  for (const auto& [field, rule] : field_rules) EXPECT_TRUE(fields.contains(field)) << field;
}

}  // namespace
}  // namespace parley::test
