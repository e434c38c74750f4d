// The promises of the client, over many seeds: whatever the network, the server's luck and crashes do, each message
// is committed once and told once, in order, and each device sees each log whole.
#include <cstring>

#include "tests/unit/client/simulation.h"

namespace parley::client::test {
namespace {

ClientOptions options(std::size_t in_flight) {
  ClientOptions options;
  options.session.gateways = {{"a", 1}, {"b", 2}};
  options.outbox.in_flight_per_conversation_max = in_flight;
  options.outbox.attempts_max = 1'000;  // giving up is another test's subject
  options.conversations.timeline.held_max = 5;
  options.conversations.relist_every = 30s;
  return options;
}

constexpr Faults storm{.cut = 60,
                       .refuse = 4,
                       .lose_push = 5,
                       .repeat_push = 5,
                       .lose_request = 30,
                       .answer_error = 10,
                       .delay_max = 300ms};

struct Sent {
  std::size_t device;
  Outgoing message;
};

class Storm {
 public:
  Storm(std::uint64_t seed, std::size_t in_flight) : sim_(seed, options(in_flight)) {
    alice_ = sim_.add_device("alice", UserId{1});
    sim_.add_device("alice", UserId{1});
    sim_.add_device("bob", UserId{2});
    sim_.add_device("carol", UserId{3});
    sim_.run_for(5s);
  }

  void rage() {
    sim_.faults = storm;
    for (int step = 0; step < 120; ++step) {
      const std::size_t device = sim_.chance.below(sim_.devices.size());
      switch (sim_.chance.below(12)) {
        case 0:
          sim_.restart(device);
          break;
        case 1:
          sim_.cut(device);
          break;
        default:
          send(device);
      }
      sim_.run_for(std::chrono::milliseconds(sim_.chance.below(400)));
    }
  }

  // Faults end; everything must come to rest. The outbox' pauses are at most 15 s.
  void heal() {
    sim_.faults = Faults{};
    sim_.run_for(120s);
  }

  void expect_each_message_once() {
    for (const auto& [device, message] : sent_) {
      const auto& log = sim_.server.log(message.conversation);
      EXPECT_EQ(std::ranges::count(log, message.id, &Entry::client_id), 1);
      std::size_t told = 0;
      for (const SendDone& done : sim_.devices[device].results) {
        if (done.id != message.id) continue;
        ++told;
        ASSERT_TRUE(done.result.has_value()) << done.result.error().detail;
        EXPECT_EQ(log[done.result->seq.value - 1].client_id, message.id) << "the ack is the place";
      }
      EXPECT_EQ(told, 1U);
      EXPECT_EQ(sim_.devices[device].core->unacknowledged(), 0U);
      EXPECT_TRUE(sim_.devices[device].log->queued()->empty());
    }
  }

  void expect_logs_without_holes() {
    for (const auto& device : sim_.devices) {
      for (const ConversationId conversation : conversations_of(device.core->user())) {
        const auto& truth = sim_.server.log(conversation);
        const auto found = device.messages.find(conversation);
        const auto& seen = found == device.messages.end() ? std::vector<Entry>{} : found->second;
        ASSERT_EQ(seen.size(), truth.size());
        EXPECT_EQ(seen, truth);
        EXPECT_EQ(device.log->entries(conversation, Seq{}, 100'000).value(), truth);
      }
    }
  }

  void expect_order_of_sending() {
    std::map<std::pair<std::size_t, ConversationId>, Seq> last;
    for (const auto& [device, message] : sent_) {
      const auto& log = sim_.server.log(message.conversation);
      const auto entry = std::ranges::find(log, message.id, &Entry::client_id);
      ASSERT_NE(entry, log.end());
      Seq& before = last[{device, message.conversation}];
      EXPECT_GT(entry->seq, before);
      before = entry->seq;
    }
  }

  // Received cursors reach the server, and through it the peers.
  void expect_receipts() {
    for (const ConversationId conversation : conversations_of(UserId{1})) {
      const UserId peer = members_of(conversation)->other(UserId{1});
      const Cursors cursors = sim_.server.cursors(conversation, peer);
      EXPECT_EQ(sim_.core(alice_).conversations().peer_cursors(conversation), cursors);
      const auto& log = sim_.server.log(conversation);
      const auto foreign = std::ranges::find_if(
          log.rbegin(), log.rend(), [&](const Entry& e) { return e.sender != peer; });
      if (foreign != log.rend()) { EXPECT_GE(cursors.received, foreign->seq); }
    }
  }

  std::size_t sent() const { return sent_.size(); }

 private:
  static std::vector<ConversationId> conversations_of(UserId user) {
    std::vector<ConversationId> all;
    for (std::uint64_t other = 1; other <= 3; ++other) {
      if (UserId{other} != user) all.push_back(direct_conversation(user, UserId{other}));
    }
    return all;
  }

  void send(std::size_t device) {
    const UserId user{device < 2 ? 1 : device};
    const auto conversations = conversations_of(user);
    ClientMessageId id{};
    std::uint64_t serial = sent_.size() + 1;
    std::memcpy(id.data(), &serial, sizeof serial);
    const Outgoing message{.id = id,
                           .conversation = conversations[sim_.chance.below(conversations.size())],
                           .body = "message " + std::to_string(serial)};
    ASSERT_TRUE(sim_.core(device).send(message, sim_.now));
    sim_.perform(device);
    sent_.push_back({device, message});
  }

  Simulation sim_;
  std::size_t alice_ = 0;
  std::vector<Sent> sent_;
};

TEST(ClientProperty, EachMessageIsCommittedOnceAndEachLogIsWhole) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Storm run(seed, 1);
    run.rage();
    run.heal();
    ASSERT_GT(run.sent(), 50U);
    run.expect_each_message_once();
    run.expect_logs_without_holes();
    run.expect_order_of_sending();
    run.expect_receipts();
    if (HasFailure()) break;
  }
}

TEST(ClientProperty, HoldsWithSeveralMessagesInFlightButForTheOrder) {
  for (std::uint64_t seed = 101; seed <= 120; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Storm run(seed, 8);
    run.rage();
    run.heal();
    run.expect_each_message_once();
    run.expect_logs_without_holes();
    if (HasFailure()) break;
  }
}

}  // namespace
}  // namespace parley::client::test
