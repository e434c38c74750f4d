#include "cli/demo_talk.h"

#include <fmt/format.h>

#include <cstdio>
#include <memory>
#include <optional>
#include <utility>

#include "base/loop.h"
#include "base/random.h"
#include "client/memory_log.h"
#include "client/sync_client.h"

namespace parley {
namespace {

using client::Cursors;
using client::Entry;
using client::SyncClient;

constexpr Duration step_limit = 20s;

tl::unexpected<Error> unlike(const std::string& what) { return fail(Errc::internal, what); }

// Says which step failed; the error itself only says why.
template <typename T>
Result<T> named(const std::string& step, Result<T> result) {
  if (!result) result.error().detail = step + ": " + std::string(text_of(result.error().code)) +
                                       (result.error().detail.empty() ? "" : ": ") +
                                       result.error().detail;
  return result;
}

// Nobody will ever need it again: the device has a token.
std::string secret() {
  return fmt::format("{:016x}{:016x}", secure_random_id(), secure_random_id());
}

// Somebody with a device: the log is what stays when the device is switched off.
class Person {
 public:
  Person(client::Network& network, std::string name, client::SessionOptions session,
         PinnedKey server)
      : network_(network),
        name_(std::move(name)),
        // A data directory that is used again has the accounts of former demos.
        account_(fmt::format("{}-{:08x}", name_, secure_random_id() >> 32)),
        session_(std::move(session)),
        server_(server) {}

  Status sign_up() {
    return named(name_ + " signs up",
                 switch_on({.name = account_,
                            .password = secret(),
                            .account = client::Account::create,
                            .nickname = name_}));
  }
  // Without a password: the device was given a token.
  Status come_back() {
    return named(name_ + " comes back",
                 switch_on({.name = account_, .password = {}, .nickname = {}}));
  }
  void leave() { device_.reset(); }

  Result<Seq> say(const Person& to, const std::string& text) {
    PARLEY_TRY(const auto ack, named(name_ + " writes",
                                     device_->send(to.user_, text, step_limit)));
    std::printf("  %-5s → %-5s  \"%s\"   ✓ stored as number %llu\n", name_.c_str(),
                to.name_.c_str(), text.c_str(), static_cast<unsigned long long>(ack.seq.value));
    return ack.seq;
  }

  // The next message is this one, by number and text.
  Status hear(const Person& from, Seq seq, const std::string& text) {
    PARLEY_TRY(const Entry entry, named(name_ + " reads", device_->receive(step_limit)));
    if (entry.seq != seq || entry.body != text || entry.sender != from.user_)
      return unlike(name_ + " got another message than the one that was sent");
    std::printf("  %-5s         got number %llu\n", name_.c_str(),
                static_cast<unsigned long long>(seq.value));
    return device_->client().mark_read(entry.conversation, entry.seq);
  }

  Status see_delivered(const Person& to, Seq seq) {
    return see(to, {.received = seq, .read = {}}, "✓✓ delivered");
  }
  Status see_read(const Person& to, Seq seq) {
    return see(to, {.received = seq, .read = seq}, "✓✓ read");
  }

  bool wait_for_loss() {
    return device_->run_until(step_limit, [this] { return !device_->client().is_ready(); });
  }

  // The device's own log of the conversation is 1 … last.
  Status has_exactly(const Person& other, Seq last) {
    PARLEY_TRY(const auto entries,
               log_.entries(direct_conversation(user_, other.user_), Seq{}, 100));
    if (entries.size() != last.value) return unlike(name_ + " has lost or doubled a message");
    for (std::size_t i = 0; i < entries.size(); ++i)
      if (entries[i].seq.value != i + 1) return unlike(name_ + " has messages out of order");
    return {};
  }

 private:
  Status switch_on(client::Credentials credentials) {
    client::ClientOptions options;
    options.session = session_;
    device_.emplace(network_, server_, options, std::move(credentials), &log_);
    PARLEY_CHECK(device_->start(step_limit));
    user_ = device_->client().user();
    return {};
  }

  Status see(const Person& to, const Cursors& cursors, const char* tick) {
    if (!device_->wait_for_receipt(to.user_, cursors, step_limit))
      return unlike(name_ + " was not told that " + to.name_ + " has it");
    std::printf("  %-5s         %s by %s\n", name_.c_str(), tick, to.name_.c_str());
    return {};
  }

  client::Network& network_;
  std::string name_;
  std::string account_;
  client::SessionOptions session_;
  PinnedKey server_;
  client::MemoryLog log_;
  UserId user_;
  std::optional<SyncClient> device_;
};

Status chat(Person& alice, Person& bob) {
  std::printf("\nA conversation\n");
  PARLEY_TRY(const Seq hello, alice.say(bob, "Hello Bob, is this thing on?"));
  PARLEY_CHECK(bob.hear(alice, hello, "Hello Bob, is this thing on?"));
  PARLEY_CHECK(alice.see_delivered(bob, hello));
  PARLEY_CHECK(alice.see_read(bob, hello));
  PARLEY_TRY(const Seq answer, bob.say(alice, "It is. Grüße!"));
  PARLEY_CHECK(alice.hear(bob, answer, "It is. Grüße!"));
  return bob.see_read(alice, answer);
}

Status survive_dead_gateways(Person& alice, Person& bob, const TalkOptions& options) {
  std::printf("\nkill -9 of every gateway\n");
  PARLEY_CHECK(options.kill_gateways());
  if (!alice.wait_for_loss() || !bob.wait_for_loss())
    return unlike("a device did not notice that its gateway is dead");
  std::printf("  both connections are gone; the devices come back by themselves\n");
  PARLEY_TRY(const Seq again, alice.say(bob, "Where were we?"));
  PARLEY_CHECK(bob.hear(alice, again, "Where were we?"));
  return alice.see_read(bob, again);
}

Status write_to_the_absent(Person& alice, Person& bob) {
  std::printf("\nBob switches his device off\n");
  bob.leave();
  PARLEY_TRY(const Seq first, alice.say(bob, "Gone already?"));
  PARLEY_TRY(const Seq second, alice.say(bob, "Then read this later."));
  std::printf("Bob switches it on: no password, the device has a token\n");
  PARLEY_CHECK(bob.come_back());
  PARLEY_CHECK(bob.hear(alice, first, "Gone already?"));
  PARLEY_CHECK(bob.hear(alice, second, "Then read this later."));
  PARLEY_CHECK(alice.see_read(bob, second));
  PARLEY_CHECK(alice.has_exactly(bob, second));
  PARLEY_CHECK(bob.has_exactly(alice, second));
  std::printf("\nBoth devices hold numbers 1 … %llu: none missing, none twice, in order\n",
              static_cast<unsigned long long>(second.value));
  return {};
}

}  // namespace

Status hold_conversation(const TalkOptions& options) {
  init_crypto();
  client::SessionOptions session;
  for (const std::string& gateway : options.gateways) {
    PARLEY_TRY(client::Endpoint endpoint, client::parse_endpoint(gateway));
    session.gateways.push_back(std::move(endpoint));
  }
  PARLEY_TRY(const PinnedKey server, client::parse_pin(options.pin));
  Loop loop;
  client::Network network(loop);
  Person alice(network, "Alice", session, server);
  Person bob(network, "Bob", session, server);
  PARLEY_CHECK(alice.sign_up());
  PARLEY_CHECK(bob.sign_up());
  PARLEY_CHECK(chat(alice, bob));
  PARLEY_CHECK(survive_dead_gateways(alice, bob, options));
  return write_to_the_absent(alice, bob);
}

}  // namespace parley
