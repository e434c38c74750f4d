// A gateway's publisher among brokers that come, drain, die, forget, refuse and answer as they like. Whatever they do:
//
//  - what was accepted ends exactly once: answered, or given up at its deadline and not before
//  - it is sent as it was given, to a broker that is up, with the time that is left; a key's requests in
//    their order, all at one broker
//  - while a broker is up nothing waits but what follows requests at a draining one
//  - what is unanswered is bounded, and what the publisher says of it is so
//  - when a broker stays up and answers, nothing is left
//
// Input: steps, each a byte that says what, and what else the step needs.
#include <algorithm>
#include <array>
#include <deque>
#include <map>
#include <set>

#include "bus/publisher_core.h"
#include "proto/limits.h"
#include "tests/fuzz/fuzz.h"

namespace parley::fuzz {
namespace {

constexpr std::size_t steps_max = 1'000;
constexpr std::size_t brokers = 3;
constexpr InstanceId us{77};
constexpr BootId life{88};

class Script {
 public:
  Script(const std::uint8_t* data, std::size_t size) : input_(data, size) {}

  void run() {
    for (std::size_t step = 0; step < steps_max && !input_.empty(); ++step) {
      take_step();
      take_sends();
      check();
    }
    heal();
  }

 private:
  enum class State { down, up, leaving };
  struct BrokerSide {
    State state = State::down;
    std::deque<RequestId> inbox;  // copies, too
  };
  struct Open {
    std::uint64_t key;
    std::string body;
    Instant deadline;
    std::optional<std::size_t> at;  // which broker has it
    Instant sent_at{};
  };

  std::uint8_t byte() { return input_.number<std::uint8_t>(); }

  void take_step() {
    const std::uint8_t what = byte();
    const std::size_t broker = what / 16 % brokers;
    switch (what % 16) {
      case 0:
      case 1:
      case 2:
      case 3: return publish();
      case 4:
      case 5:
      case 6: return answer(broker, 0);
      case 7: return answer(broker, byte());
      case 8: return answer_anything();
      case 9: return come(broker);
      case 10: return drain(broker);
      case 11: return refuse(broker);
      case 12: return die(broker);
      case 13: return forget(broker);
      default: return pass(std::chrono::milliseconds(40) * byte());
    }
  }

  void publish() {
    const std::uint64_t key = byte() % 5;
    const std::size_t size = key == 0 ? 8U * byte() : 4U;
    const std::string body(size, static_cast<char>('a' + open_.size()));
    const EnvelopeHeader header{.verb = 0x0201, .key = key, .user = UserId{9}, .target = key};
    const auto number = core_.publish(header, body, now_);
    const bool fits =
        open_.size() < options_.pending_max &&
        bytes_ + limits::envelope_header_bytes + body.size() <= options_.pending_bytes_max;
    PARLEY_ASSERT(number.has_value() == fits);
    PARLEY_ASSERT(number || number.error().code == Errc::retry_later);
    if (!number) return;
    PARLEY_ASSERT(*number > last_number_);
    last_number_ = *number;
    bytes_ += limits::envelope_header_bytes + body.size();
    open_[*number] = {key, body, now_ + options_.request_timeout, std::nullopt};
  }

  void settle(std::uint64_t number) {
    const auto open = open_.find(number);
    bytes_ -= limits::envelope_header_bytes + open->second.body.size();
    open_.erase(open);
  }

  void say_reply(const RequestId& id, std::uint16_t error) {
    const bool awaited = id.gateway == us && id.boot == life && open_.contains(id.number);
    const EnvelopeHeader reply{.kind = EnvelopeKind::reply, .error = error, .id = id};
    PARLEY_ASSERT(core_.on_reply(reply, now_) == awaited);
    if (awaited) settle(id.number);
  }

  // One of what it holds, in any order; the copy may remain.
  void answer(std::size_t broker, std::size_t which) {
    auto& inbox = brokers_[broker].inbox;
    if (inbox.empty()) return;
    const auto at = inbox.begin() + static_cast<std::ptrdiff_t>(which % inbox.size());
    const RequestId id = *at;
    if (which < 128) inbox.erase(at);
    say_reply(id, which % 4 == 3 ? 1 : 0);
  }

  void answer_anything() {
    const std::uint8_t odd = byte();
    say_reply({InstanceId{odd % 4 == 0 ? 78U : 77U}, BootId{odd % 4 == 1 ? 87U : 88U},
               last_number_ - odd / 4},
              0);
  }

  void come(std::size_t broker) {
    if (brokers_[broker].state != State::down) return;
    brokers_[broker].state = State::up;
    core_.on_up(broker, 100 + broker, now_);
  }
  void drain(std::size_t broker) {
    if (brokers_[broker].state != State::up) return;
    brokers_[broker].state = State::leaving;
    core_.on_leaving(broker);
  }
  // It did not take what came after it had decided to go: the newest.
  void refuse(std::size_t broker) {
    auto& side = brokers_[broker];
    if (side.state != State::leaving || side.inbox.empty()) return;
    const RequestId id = side.inbox.back();
    side.inbox.pop_back();
    const auto open = open_.find(id.number);
    if (open != open_.end() && open->second.at == broker) open->second.at.reset();
    core_.on_refused(broker, id, now_);
  }
  void die(std::size_t broker) {
    if (brokers_[broker].state == State::down) return;
    brokers_[broker] = {};
    for (auto& [number, open] : open_)
      if (open.at == broker) open.at.reset();
    core_.on_down(broker, now_);
  }
  // The answers to what it holds get lost.
  void forget(std::size_t broker) { brokers_[broker].inbox.clear(); }

  void pass(Duration time) {
    now_ += time;
    core_.on_tick(now_);
    for (const auto& late : core_.take_expired()) {
      const auto open = open_.find(late.header.id.number);
      PARLEY_ASSERT(open != open_.end() && open->second.deadline <= now_);
      PARLEY_ASSERT(late.header.error == static_cast<std::uint16_t>(Errc::retry_later));
      PARLEY_ASSERT(late.header.key == open->second.key && late.header.verb == 0x0201);
      PARLEY_ASSERT(late.header.id.gateway == us && late.header.id.boot == life);
      given_up_.insert(late.header.id.number);
      settle(late.header.id.number);
    }
    take_sends();
    given_up_.clear();
    for (const auto& [number, open] : open_) {
      PARLEY_ASSERT(open.deadline > now_);
      const bool at_one_that_is_up = open.at && brokers_[*open.at].state == State::up;
      PARLEY_ASSERT(!at_one_that_is_up || now_ - open.sent_at < options_.republish_after);
    }
  }

  void take_sends() {
    for (const auto& send : core_.take_sends()) {
      BrokerSide& side = brokers_[send.broker];
      PARLEY_ASSERT(side.state == State::up);
      const auto envelope = decode_envelope(send.bytes);
      PARLEY_ASSERT(envelope && envelope->header.kind == EnvelopeKind::request);
      const EnvelopeHeader& header = envelope->header;
      const auto found = open_.find(header.id.number);
      // Its turn came and its time was up in one tick.
      if (given_up_.contains(header.id.number)) continue;
      PARLEY_ASSERT(found != open_.end());
      Open& open = found->second;
      PARLEY_ASSERT(header.key == open.key && header.target == open.key);
      PARLEY_ASSERT(envelope->body == open.body);
      PARLEY_ASSERT(header.id.gateway == us && header.id.boot == life && header.user == UserId{9});
      const auto left = std::max<std::int64_t>(to_ms(open.deadline - now_), 1);
      PARLEY_ASSERT(header.ttl_ms == static_cast<std::uint32_t>(left));
      open.at = send.broker;
      open.sent_at = now_;
      for (const auto& [number, older] : open_) {
        if (number >= header.id.number) break;
        PARLEY_ASSERT(older.key != open.key || older.at == send.broker);
      }
      side.inbox.push_back(header.id);
      if (side.inbox.size() > 200) side.inbox.pop_front();
    }
  }

  void check() const {
    PARLEY_ASSERT(core_.pending() == open_.size() && core_.pending_bytes() == bytes_);
    PARLEY_ASSERT(core_.pending() <= options_.pending_max);
    PARLEY_ASSERT(core_.pending_bytes() <= options_.pending_bytes_max);
    const bool any_up = std::ranges::any_of(
        brokers_, [](const BrokerSide& side) { return side.state == State::up; });
    std::set<std::uint64_t> held_back;  // keys that a draining broker has something of
    for (const auto& [number, open] : open_)
      if (open.at && brokers_[*open.at].state == State::leaving) held_back.insert(open.key);
    for (const auto& [number, open] : open_)
      PARLEY_ASSERT(open.at || !any_up || held_back.contains(open.key));
  }

  void heal() {
    for (std::size_t broker = 0; broker < brokers; ++broker) {
      die(broker);
      take_sends();
    }
    come(0);
    take_sends();
    check();
    while (!brokers_[0].inbox.empty()) {
      answer(0, 0);
      take_sends();
    }
    PARLEY_ASSERT(core_.pending() == 0 && core_.pending_bytes() == 0);
    const auto& counters = core_.counters();
    PARLEY_ASSERT(counters.published >= counters.expired && last_number_ == counters.published);
  }

  Input input_;
  Instant now_{std::chrono::hours(1)};
  const PublisherCore::Options options_{.instance = us,
                                        .boot = life,
                                        .brokers = brokers,
                                        .pending_max = 12,
                                        .pending_bytes_max = 4'000};
  PublisherCore core_{options_};
  std::array<BrokerSide, brokers> brokers_;
  std::map<std::uint64_t, Open> open_;
  std::set<std::uint64_t> given_up_;  // in this tick
  std::size_t bytes_ = 0;
  std::uint64_t last_number_ = 0;
};

}  // namespace
}  // namespace parley::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  parley::fuzz::Script(data, size).run();
  return 0;
}
