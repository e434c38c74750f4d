#include "client/client_core.h"

#include "proto/common.pb.h"
#include "tests/unit/client/simulation.h"

namespace parley::client::test {
namespace {

const UserId alice_id{1};
const UserId bob_id{2};
const ConversationId chat = direct_conversation(alice_id, bob_id);

ClientOptions options() {
  ClientOptions options;
  options.session.gateways = {{"gateway", 1}};
  return options;
}

class ClientCoreTest : public testing::Test {
 protected:
  void send(std::size_t device, std::uint8_t id, const std::string& text = "hello") {
    ASSERT_TRUE(sim.core(device).send({.id = {id}, .conversation = chat, .body = text}, sim.now));
    sim.perform(device);
  }
  std::vector<std::string> texts(std::size_t device) {
    std::vector<std::string> all;
    for (const Entry& entry : sim.devices[device].messages[chat]) all.push_back(entry.body);
    return all;
  }
  // The server's answer to the one request that is about to leave, and now does not.
  void answer_with(std::size_t device, Errc code, std::uint32_t retry_after_ms) {
    const auto actions = sim.core(device).take_actions();
    ASSERT_EQ(actions.size(), 1U);
    FrameHeader header = std::get<Transmit>(actions[0]).header;
    header.kind = FrameKind::error;
    wire::ErrorBody body;
    body.set_code(static_cast<std::uint32_t>(code));
    body.set_retry_after_ms(retry_after_ms);
    const std::string bytes = body.SerializeAsString();
    sim.core(device).on_frame({header, bytes}, sim.now);
    sim.perform(device);
  }
  std::size_t requests(Verb verb) { return sim.server.requests(static_cast<std::uint16_t>(verb)); }

  Simulation sim{1, options()};
};

using testing::ElementsAre;

TEST_F(ClientCoreTest, AMessageGoesFromSenderToReceiverAndItsReceiptsBack) {
  const std::size_t alice = sim.add_device("alice", alice_id);
  const std::size_t bob = sim.add_device("bob", bob_id);
  sim.run_for(1s);
  send(alice, 1);
  sim.run_for(3s);
  EXPECT_THAT(texts(bob), ElementsAre("hello"));
  EXPECT_THAT(texts(alice), ElementsAre("hello")) << "own messages are part of the log";
  ASSERT_EQ(sim.devices[alice].results.size(), 1U);
  EXPECT_EQ(sim.devices[alice].results[0].result->seq, Seq{1});
  EXPECT_EQ(sim.devices[alice].peer[chat], (Cursors{Seq{1}, Seq{0}}));
  ASSERT_TRUE(sim.core(bob).mark_read(chat, Seq{1}, sim.now));
  sim.perform(bob);
  sim.run_for(3s);
  EXPECT_EQ(sim.devices[alice].peer[chat], (Cursors{Seq{1}, Seq{1}}));
}

TEST_F(ClientCoreTest, WhatWasSentOfflineArrivesWhenItsReceiverFirstLogsIn) {
  const std::size_t alice = sim.add_device("alice", alice_id);
  for (std::uint8_t id = 1; id <= 20; ++id) send(alice, id, std::to_string(id));
  sim.run_for(30s);
  const std::size_t bob = sim.add_device("bob", bob_id);
  sim.run_for(5s);
  ASSERT_EQ(texts(bob).size(), 20U) << "page after page";
  EXPECT_EQ(texts(bob).back(), "20");
}

TEST_F(ClientCoreTest, ANewDeviceBeginsWhereTheUserHasReceived) {
  const std::size_t alice = sim.add_device("alice", alice_id);
  const std::size_t bob = sim.add_device("bob", bob_id);
  send(alice, 1, "old");
  sim.run_for(5s);
  sim.devices[bob].core->stop(sim.now);
  sim.perform(bob);
  send(alice, 2, "new");
  sim.run_for(5s);
  const std::size_t second = sim.add_device("bob", bob_id);
  sim.run_for(5s);
  EXPECT_THAT(texts(second), ElementsAre("new"));
}

TEST_F(ClientCoreTest, ABeginningFarBehindIsCutToTheBacklog) {
  ClientOptions small = options();
  small.conversations.backlog_max = 3;
  Simulation run(1, small);
  const std::size_t alice = run.add_device("alice", alice_id);
  for (std::uint8_t id = 1; id <= 9; ++id) {
    ASSERT_TRUE(run.core(alice).send({.id = {id}, .conversation = chat, .body = "x"}, run.now));
    run.perform(alice);
  }
  run.run_for(10s);
  const std::size_t bob = run.add_device("bob", bob_id);
  run.run_for(5s);
  ASSERT_EQ(run.devices[bob].messages[chat].size(), 3U);
  EXPECT_EQ(run.devices[bob].messages[chat][0].seq, Seq{7});
}

TEST_F(ClientCoreTest, AQueuedMessageSurvivesTheClient) {
  const std::size_t alice = sim.add_device("alice", alice_id);
  sim.faults.refuse = 1;
  sim.run_for(1s);
  sim.cut(alice);
  send(alice, 1, "from the former life");
  sim.restart(alice);
  sim.faults.refuse = 0;
  sim.run_for(60s);
  ASSERT_EQ(sim.server.log(chat).size(), 1U);
  EXPECT_EQ(sim.server.log(chat)[0].body, "from the former life");
  EXPECT_EQ(sim.devices[alice].results.size(), 1U);
}

TEST_F(ClientCoreTest, WhatWasKeptButNotReportedIsReportedByTheNextRun) {
  const std::size_t alice = sim.add_device("alice", alice_id);
  const std::size_t bob = sim.add_device("bob", bob_id);
  sim.run_for(5s);
  send(alice, 1);
  while (texts(bob).empty()) sim.run_for(1ms);
  sim.restart(bob);
  sim.run_for(5s);
  EXPECT_EQ(sim.server.cursors(chat, bob_id).received, Seq{1});
  const std::size_t receipts = requests(Verb::c2c_receipt);
  sim.restart(bob);
  sim.run_for(5s);
  EXPECT_EQ(requests(Verb::c2c_receipt), receipts) << "what the server knows is not said again";
}

TEST_F(ClientCoreTest, ARestartedClientNeedsNoPassword) {
  const std::size_t alice = sim.add_device("alice", alice_id);
  sim.run_for(1s);
  sim.restart(alice);
  sim.run_for(1s);
  EXPECT_EQ(requests(Verb::login_password), 1U);
  EXPECT_EQ(requests(Verb::login_resume), 1U);
}

TEST_F(ClientCoreTest, AnAckLostForGoodIsMadeUpByTheLog) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    Simulation run(seed, options());
    const std::size_t alice = run.add_device("alice", alice_id);
    const std::size_t bob = run.add_device("bob", bob_id);
    run.run_for(1s);
    run.faults.lose_request = 1;
    ASSERT_TRUE(run.core(alice).send({.id = {1}, .conversation = chat, .body = "a"}, run.now));
    run.perform(alice);
    run.run_for(100ms);
    if (run.server.log(chat).empty()) continue;  // this seed lost it before it was carried out
    run.faults.lose_request = 0;
    ASSERT_TRUE(run.core(bob).send({.id = {2}, .conversation = chat, .body = "b"}, run.now));
    run.perform(bob);
    run.run_for(2s);
    ASSERT_EQ(run.devices[alice].results.size(), 1U) << "long before its request's deadline";
    EXPECT_EQ(run.devices[alice].results[0].result->seq, Seq{1});
    return;
  }
  FAIL() << "no seed lost an ack";
}

TEST_F(ClientCoreTest, ALostLastPushIsFoundByTheNextLook) {
  const std::size_t alice = sim.add_device("alice", alice_id);
  const std::size_t bob = sim.add_device("bob", bob_id);
  sim.run_for(10s);
  sim.faults.lose_push = 1;
  send(alice, 1);
  sim.run_for(200s);
  EXPECT_THAT(texts(bob), ElementsAre());
  sim.run_for(110s);
  EXPECT_THAT(texts(bob), ElementsAre("hello"));
}

TEST_F(ClientCoreTest, AMessageThatNobodyCouldPushDuringTheLoginIsFoundAtOnce) {
  const std::size_t alice = sim.add_device("alice", alice_id);
  sim.run_for(10s);
  sim.faults.lose_push = 1;
  const std::size_t bob = sim.add_device("bob", bob_id);
  sim.run_for(300ms);
  ASSERT_EQ(sim.devices[bob].synced, 1U);
  send(alice, 1);
  sim.run_for(2s);
  EXPECT_THAT(texts(bob), ElementsAre("hello"));
}

TEST_F(ClientCoreTest, ReceiptsAreCoalesced) {
  const std::size_t alice = sim.add_device("alice", alice_id);
  sim.add_device("bob", bob_id);
  sim.run_for(1s);
  for (std::uint8_t id = 1; id <= 100; ++id) send(alice, id);
  sim.run_for(10s);
  EXPECT_EQ(sim.server.log(chat).size(), 100U);
  EXPECT_EQ(sim.server.cursors(chat, bob_id).received, Seq{100});
  EXPECT_LE(requests(Verb::c2c_receipt), 7U);
}

TEST_F(ClientCoreTest, AcksAndPushesThatOvertakeEachOtherCauseNoPulls) {
  const std::size_t alice = sim.add_device("alice", alice_id);
  const std::size_t bob = sim.add_device("bob", bob_id);
  sim.run_for(1s);
  for (std::uint8_t id = 1; id <= 100; ++id) {
    send(alice, id);
    send(bob, id);
    sim.run_for(10ms);
  }
  sim.run_for(10s);
  EXPECT_EQ(texts(alice).size(), 200U);
  EXPECT_EQ(texts(alice), texts(bob));
  EXPECT_EQ(requests(Verb::c2c_pull), 0U);
}

TEST_F(ClientCoreTest, MovesToAnotherGatewayWhenNothingIsHeardForAWholeDeadline) {
  const std::size_t alice = sim.add_device("alice", alice_id);
  sim.run_for(1s);
  sim.faults.lose_request = 1;
  send(alice, 1);
  sim.run_for(13s);
  const auto& states = sim.devices[alice].states;
  ASSERT_NE(std::ranges::find(states, Phase::waiting, &StateChanged::phase), states.end());
  sim.faults.lose_request = 0;
  sim.run_for(15s);
  EXPECT_EQ(sim.devices[alice].results.size(), 1U);
}

TEST_F(ClientCoreTest, TellsWhenItGivesUp) {
  ClientOptions few = options();
  few.outbox.attempts_max = 3;
  Simulation run(1, few);
  const std::size_t alice = run.add_device("alice", alice_id);
  run.run_for(1s);
  run.faults.answer_error = 1;
  ASSERT_TRUE(run.core(alice).send({.id = {1}, .conversation = chat, .body = "x"}, run.now));
  run.perform(alice);
  run.run_for(60s);
  ASSERT_EQ(run.devices[alice].results.size(), 1U);
  EXPECT_EQ(run.devices[alice].results[0].result.error().code, Errc::retry_later);
  EXPECT_TRUE(run.devices[alice].log->queued()->empty());
}

TEST_F(ClientCoreTest, RefusesWhatTheServerWouldRefuse) {
  const std::size_t alice = sim.add_device("alice", alice_id);
  const auto refusal = [&](std::string body) {
    return sim.core(alice)
        .send({.id = {1}, .conversation = chat, .body = std::move(body)}, sim.now)
        .error()
        .code;
  };
  EXPECT_EQ(refusal(""), Errc::bad_request);
  EXPECT_EQ(refusal({"a\0b", 3}), Errc::bad_request);
  EXPECT_EQ(refusal("cut \xe2\x82"), Errc::bad_request);
  EXPECT_EQ(refusal(std::string(16'385, 'x')), Errc::too_large);
  EXPECT_TRUE(sim.devices[alice].log->queued()->empty());
}

TEST_F(ClientCoreTest, AbandonsAMessageVisibly) {
  const std::size_t alice = sim.add_device("alice", alice_id);
  send(alice, 1);
  ASSERT_TRUE(sim.core(alice).abandon({1}));
  sim.perform(alice);
  EXPECT_EQ(sim.core(alice).abandon({1}).error().code, Errc::not_found);
  ASSERT_EQ(sim.devices[alice].results.size(), 1U);
  EXPECT_FALSE(sim.devices[alice].results[0].result.has_value());
  EXPECT_TRUE(sim.devices[alice].log->queued()->empty());
}

TEST_F(ClientCoreTest, LogsOutForGood) {
  const std::size_t alice = sim.add_device("alice", alice_id);
  sim.run_for(1s);
  std::optional<bool> is_out;
  ASSERT_TRUE(sim.core(alice).logout(
      [&](Result<std::string> result) { is_out = result.has_value(); }, sim.now));
  sim.perform(alice);
  sim.run_for(60s);
  EXPECT_EQ(is_out, true);
  EXPECT_EQ(sim.core(alice).state(sim.now).phase, Phase::stopped);
  EXPECT_TRUE(sim.devices[alice].log->identity().value()->device_token.empty());
}

TEST_F(ClientCoreTest, EveryCallIsAnsweredOnceEvenIfTheConnectionBreaks) {
  const std::size_t alice = sim.add_device("alice", alice_id);
  const auto call = [&](std::vector<Errc>& answers) {
    return sim.core(alice).call(
        Verb::login_find, 0, "",
        [&answers](Result<std::string> result) {
          answers.push_back(result ? Errc{} : result.error().code);
        },
        sim.now);
  };
  std::vector<Errc> answers;
  EXPECT_EQ(call(answers).error().code, Errc::disconnected) << "not ready yet";
  sim.run_for(1s);
  ASSERT_TRUE(call(answers));
  sim.perform(alice);
  sim.cut(alice);
  EXPECT_THAT(answers, ElementsAre(Errc::disconnected));
  sim.run_for(5s);
  ASSERT_TRUE(call(answers));
  sim.perform(alice);
  sim.run_for(1s);
  EXPECT_THAT(answers, ElementsAre(Errc::disconnected, Errc::unsupported));
}

TEST_F(ClientCoreTest, HasNoMoreInFlightThanTheServerAllows) {
  sim.server.requests_in_flight_max = 2;
  const std::size_t alice = sim.add_device("alice", alice_id);
  sim.run_for(5s);
  for (int i = 0; i < 5; ++i)
    ASSERT_TRUE(sim.core(alice).call(Verb::login_find, 0, "", [](auto) {}, sim.now));
  const auto actions = sim.core(alice).take_actions();
  EXPECT_EQ(std::ranges::count_if(
                actions, [](const Action& a) { return std::holds_alternative<Transmit>(a); }),
            2);
}

TEST_F(ClientCoreTest, HasLessInFlightAfterAServerWasTooBusyForAMessage) {
  sim.server.requests_in_flight_max = 8;
  const std::size_t alice = sim.add_device("alice", alice_id);
  sim.run_for(5s);
  const auto send_to = [&](std::uint8_t peer) {
    ASSERT_TRUE(sim.core(alice).send({.id = {peer},
                                      .conversation = direct_conversation(alice_id, UserId{peer}),
                                      .body = "x"},
                                     sim.now));
  };
  send_to(2);
  answer_with(alice, Errc::retry_later, 1'000);
  for (std::uint8_t peer = 3; peer < 20; ++peer) send_to(peer);
  EXPECT_EQ(sim.core(alice).take_actions().size(), 4U);
  ASSERT_TRUE(sim.core(alice).call(Verb::login_find, 0, "", [](auto) {}, sim.now));
  EXPECT_EQ(sim.core(alice).take_actions().size(), 1U) << "nothing else is slowed down";
}

TEST_F(ClientCoreTest, IsQuietAsLongAsAServerThatHasHadTooMuchWants) {
  const std::size_t alice = sim.add_device("alice", alice_id);
  sim.run_for(5s);
  std::optional<Errc> answer;
  const auto keep = [&](auto result) { answer = result.error().code; };
  ASSERT_TRUE(sim.core(alice).call(Verb::login_find, 0, "", keep, sim.now));
  answer_with(alice, Errc::rate_limited, 2'000);
  EXPECT_EQ(answer, Errc::rate_limited);
  const Instant quiet_until = sim.now + 2s;
  const std::size_t before = requests(Verb::c2c_send);
  send(alice, 1);
  ASSERT_TRUE(sim.core(alice).call(Verb::login_find, 0, "", [](auto) {}, sim.now));
  EXPECT_TRUE(sim.core(alice).take_actions().empty());
  ASSERT_TRUE(sim.core(alice).next_deadline().has_value());
  EXPECT_EQ(*sim.core(alice).next_deadline(), quiet_until);
  sim.run_for(1'900ms);
  EXPECT_EQ(requests(Verb::c2c_send), before);
  EXPECT_EQ(requests(Verb::login_find), 0U);
  sim.run_for(1s);
  EXPECT_EQ(requests(Verb::c2c_send), before + 1);
  EXPECT_EQ(requests(Verb::login_find), 1U);
  EXPECT_EQ(sim.devices[alice].results.size(), 1U);
}

TEST_F(ClientCoreTest, IsNotQuietForOneMessageThatIsRefusedForItsRate) {
  const std::size_t alice = sim.add_device("alice", alice_id);
  sim.run_for(5s);
  ASSERT_TRUE(sim.core(alice).send({.id = {1}, .conversation = chat, .body = "a"}, sim.now));
  answer_with(alice, Errc::rate_limited, 2'000);
  ASSERT_TRUE(sim.core(alice).call(Verb::login_find, 0, "", [](auto) {}, sim.now));
  EXPECT_EQ(sim.core(alice).take_actions().size(), 1U);
}

TEST_F(ClientCoreTest, LogsInAgainWhenTheServerHasForgottenItsSession) {
  const std::size_t alice = sim.add_device("alice", alice_id);
  sim.run_for(5s);
  sim.server.disconnect(sim.devices[alice].connection);
  send(alice, 1);
  sim.run_for(5s);
  ASSERT_EQ(sim.devices[alice].results.size(), 1U);
  EXPECT_TRUE(sim.devices[alice].results[0].result.has_value());
}

TEST_F(ClientCoreTest, LeavesAServerThatBreaksTheProtocol) {
  const std::size_t alice = sim.add_device("alice", alice_id);
  const std::vector<std::pair<FrameHeader, std::string>> violations = {
      {{.kind = FrameKind::request, .verb = 0x0201, .number = 1}, ""},
      {{.kind = FrameKind::notice, .verb = 0x0281, .target = chat.value}, "\xff"},
      {{.kind = FrameKind::notice, .verb = 0x0281, .target = chat.value}, ""},
      {{.kind = FrameKind::notice, .verb = 0x0282, .target = chat.value}, "\xff"}};
  for (const auto& [header, body] : violations) {
    sim.run_for(30s);
    ASSERT_EQ(sim.core(alice).state(sim.now).phase, Phase::ready);
    sim.core(alice).on_frame({header, body}, sim.now);
    EXPECT_EQ(sim.core(alice).state(sim.now).phase, Phase::waiting);
    sim.perform(alice);
  }
}

TEST_F(ClientCoreTest, IgnoresNoticesOfANewerServer) {
  const std::size_t alice = sim.add_device("alice", alice_id);
  sim.run_for(1s);
  sim.core(alice).on_frame({{.kind = FrameKind::notice, .verb = 0x02ff}, "\xff"}, sim.now);
  EXPECT_EQ(sim.core(alice).state(sim.now).phase, Phase::ready);
}

TEST_F(ClientCoreTest, WithoutSyncOnlyWhatIsPushedArrives) {
  ClientOptions fresh = options();
  fresh.conversations.sync = Sync::nothing;
  Simulation run(1, fresh);
  const std::size_t alice = run.add_device("alice", alice_id);
  for (const std::uint8_t id : std::vector<std::uint8_t>{1, 2}) {
    if (id == 2) run.add_device("bob", bob_id);
    run.run_for(5s);
    ASSERT_TRUE(run.core(alice).send(
        {.id = {id}, .conversation = chat, .body = std::to_string(id)}, run.now));
    run.perform(alice);
    run.run_for(5s);
  }
  ASSERT_EQ(run.devices[1].messages[chat].size(), 1U);
  EXPECT_EQ(run.devices[1].messages[chat][0].body, "2");
  EXPECT_EQ(run.server.requests(static_cast<std::uint16_t>(Verb::c2c_pull)), 0U);
  EXPECT_EQ(run.server.requests(static_cast<std::uint16_t>(Verb::c2c_conversations)), 0U);
}

}  // namespace
}  // namespace parley::client::test
