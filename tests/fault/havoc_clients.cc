// Clients that misbehave.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "client/wire.h"
#include "proto/verbs.h"
#include "tests/fault/havoc.h"

namespace parley::test {
namespace {

// One message, a hundred times, on one connection, at once.
Broken repeat_message(Scene& scene) {
  constexpr int times = 100;
  const auto guest = scene.visitors.invite(Visitors::names[0], client::DeviceClass::pc);
  if (!guest) return {"visitor", [] { return Proof{.words = "the visitor cannot log in"}; }};
  const auto peer = guest->client->find_user(Visitors::names[1], 10s);
  if (!peer) return {"visitor", [] { return Proof{.words = "nobody to talk to"}; }};
  const client::Outgoing message{.id = client::new_message_id(),
                                 .conversation = guest->client->client().conversation_with(*peer),
                                 .body = "again and again"};
  int acks = 0;
  int refusals = 0;
  std::set<std::uint64_t> numbers;
  const auto on_answer = [&](const Result<std::string>& answer) {
    const auto ack = answer ? client::wire_format::decode_ack(*answer) : Result<client::Ack>{};
    if (!answer)
      ++refusals;
    else if (ack)
      ++acks, numbers.insert(ack->seq.value);
  };
  int asked = 0;
  for (int i = 0; i < times; ++i)
    asked += guest->client->client()
                 .call(Verb::c2c_send, message.conversation.value,
                       client::wire_format::send(message), on_answer)
                 .has_value();
  guest->client->run_until(15s, [&] { return acks + refusals == asked; });
  guest->client->client().close();
  EXPECT_EQ(numbers.size(), 1u) << "one message got several numbers";
  return {"visitor", [=]() -> Proof {
            return {0, acks > 1 ? acks : 0,
                    fmt::format("{} sent, {} equal acks, {} refusals", asked, acks, refusals)};
          }};
}

// Somebody whose device sleeps with its connection open, while a friend writes him long letters.
Broken sleep_while_written_to(Scene& scene) {
  constexpr int letters = 1'000;  // more than kernels keep for both ends of a connection
  std::shared_ptr<Visitors::Guest> sleeper =
      scene.visitors.invite(Visitors::names[1], client::DeviceClass::pad);
  const auto friendly = scene.visitors.invite(Visitors::names[0], client::DeviceClass::pad);
  if (!sleeper || !friendly)
    return {"visitor", [] { return Proof{.words = "the visitors cannot log in"}; }};
  const UserId peer = sleeper->client->client().user();
  const std::string letter(16'000, 'x');
  int sent = 0;
  for (int i = 0; i < letters; ++i)
    sent += friendly->client->send(peer, letter, 10s).has_value();
  friendly->client->client().close();
  return {"visitor", [=] {
            // What kernels still have comes first, then the end, or silence.
            const bool ended = sleeper->client->run_until(
                5s, [&] { return !sleeper->client->client().is_ready(); });
            const auto got = static_cast<std::int64_t>(sleeper->client->entries().size());
            sleeper->client->client().close();
            return grown(0, sent - got,
                         fmt::format("letters kept from who slept, connection {}:",
                                     ended ? "ended" : "left"));
          }};
}

}  // namespace

std::vector<ChaosKind> client_kinds() {
  using enum ChaosKind::Recovery;
  return {
      {.shape = {"client-repeats", {Part::client}},
       .hold = 0s,
       .recovery = from_injection,
       .target = 1s,
       .strike = [](Scene& s, unsigned) { return repeat_message(s); }},
      {.shape = {"client-sleeps", {Part::client}},
       .hold = 12s,
       .recovery = from_injection,
       .target = 1s,
       .strike = [](Scene& s, unsigned) { return sleep_while_written_to(s); }},
  };
}

}  // namespace parley::test
