// A worker's consumer among brokers that come and go and may or may not know the gateways. Whatever they do:
//
//  - an answer goes, once, to the broker that asked, and only over the registration that it asked over
//  - a delivery goes as it was given to one broker that is there; those of one key go one way while nothing changes
//  - what a lost broker may have taken with it within two seconds is delivered again through another, in order
//  - what a broker could not deliver goes to another that has not said the same, and if there is none the
//    caller is told
//  - every broker hears of a drain, and it ends when everything is answered, or at its time
//
// Input: steps, each a byte that says what, and what else the step needs.
#include <algorithm>
#include <array>
#include <deque>
#include <map>

#include "bus/consumer_core.h"
#include "tests/fuzz/fuzz.h"

namespace parley::fuzz {
namespace {

constexpr std::size_t steps_max = 1'000;
constexpr std::size_t brokers = 3;
constexpr Duration repeated_within = 2s;
constexpr Duration believed_absent_for = 1s;

class Script {
 public:
  Script(const std::uint8_t* data, std::size_t size) : input_(data, size) {}

  void run() {
    for (std::size_t step = 0; step < steps_max && !input_.empty(); ++step) {
      take_step();
      PARLEY_ASSERT(core_.take_sends().empty());
      for (std::size_t i = 0; i < brokers; ++i)
        PARLEY_ASSERT(core_.unanswered(i) == links_[i].unanswered);
      if (drain_until_) check_drained();
    }
  }

 private:
  using Send = ConsumerCore::Send;
  using What = ConsumerCore::What;
  struct Delivery {
    InstanceId gateway;
    std::uint64_t key;
    std::string items;
    Instant first_sent;
  };
  struct Link {
    bool is_up = false;
    std::size_t unanswered = 0;
    std::deque<Delivery> sent = {};
    std::map<std::uint64_t, Instant> absent = {};
  };

  std::uint8_t byte() { return input_.number<std::uint8_t>(); }

  void take_step() {
    const std::uint8_t what = byte();
    const std::size_t broker = what / 16 % brokers;
    switch (what % 16) {
      case 0:
      case 1:
      case 2: return deliver();
      case 3:
      case 4: return ask(broker);
      case 5:
      case 6:
      case 7: return answer();
      case 8: return come(broker);
      case 9: return go(broker);
      case 10:
      case 11: return not_reached(broker);
      case 12: return announce();
      case 13: return pass(std::chrono::milliseconds(20) * byte());
      case 14: return byte() == 0 ? drain() : void();
      default: return pass(std::chrono::milliseconds(1));
    }
  }

  bool any_up() const {
    return std::ranges::any_of(links_, [](const Link& link) { return link.is_up; });
  }
  bool knows(std::size_t broker, InstanceId gateway) const {
    const auto absent = links_[broker].absent.find(gateway.value);
    const bool is_believed = absent != links_[broker].absent.end() && now_ < absent->second;
    return links_[broker].is_up && !is_believed;
  }
  bool any_knows(InstanceId gateway) const {
    for (std::size_t i = 0; i < brokers; ++i)
      if (knows(i, gateway)) return true;
    return false;
  }

  // Exactly one broker gets it, as it was given.
  std::size_t expect_delivery(const Send& send, const Delivery& delivery, std::uint8_t flags) {
    PARLEY_ASSERT(send.what == What::delivery && send.waiting_max == 8);
    const auto envelope = decode_envelope(send.bytes);
    PARLEY_ASSERT(envelope && envelope->header.kind == EnvelopeKind::deliver);
    PARLEY_ASSERT(envelope->header.id.gateway == delivery.gateway);
    PARLEY_ASSERT(envelope->header.key == delivery.key && envelope->body == delivery.items);
    PARLEY_ASSERT(envelope->header.flags == flags);
    PARLEY_ASSERT(links_[send.broker].is_up);
    PARLEY_ASSERT(knows(send.broker, delivery.gateway) || !any_knows(delivery.gateway));
    links_[send.broker].sent.push_back(delivery);
    return send.broker;
  }

  void deliver() {
    const std::uint8_t who = byte();
    const Delivery delivery{InstanceId{1U + who % 3}, who / 3 % 4U,
                            "items" + std::to_string(++deliveries_), now_};
    PARLEY_ASSERT(core_.deliver(delivery.gateway, delivery.key, delivery.items, now_) == any_up());
    const auto sends = core_.take_sends();
    PARLEY_ASSERT(sends.size() == (any_up() ? 1 : 0));
    if (sends.empty()) return;
    const std::size_t broker = expect_delivery(sends[0], delivery, 0);
    const auto way = std::pair(delivery.gateway.value, delivery.key);
    const auto [known, is_new] = ways_.try_emplace(way, broker);
    PARLEY_ASSERT(is_new || known->second == broker);
  }

  void ask(std::size_t broker) {
    if (!links_[broker].is_up) return;
    const EnvelopeHeader header{.verb = 0x0201,
                                .key = byte() % 4U,
                                .id = {InstanceId{5}, BootId{6}, ++numbers_},
                                .trace = numbers_ * 7};
    requests_.push_back({core_.on_request(broker, header, "body"), epochs_[broker]});
    PARLEY_ASSERT(requests_.back().first.header == header);
    PARLEY_ASSERT(requests_.back().first.body == "body");
    ++links_[broker].unanswered;
  }

  void answer() {
    if (requests_.empty()) return;
    const std::size_t which = byte() % requests_.size();
    const auto [request, epoch] = requests_[which];
    requests_.erase(requests_.begin() + static_cast<std::ptrdiff_t>(which));
    const bool is_of_use = links_[request.via].is_up && epoch == epochs_[request.via];
    const EnvelopeHeader header{.error = byte(), .retry_after_ms = 5};
    PARLEY_ASSERT(core_.reply(request, header, "answer") == is_of_use);
    const auto sends = core_.take_sends();
    PARLEY_ASSERT(sends.size() == (is_of_use ? 1 : 0));
    if (!is_of_use) return;
    --links_[request.via].unanswered;
    const auto envelope = decode_envelope(sends[0].bytes);
    PARLEY_ASSERT(sends[0].broker == request.via && sends[0].what == What::reply);
    PARLEY_ASSERT(sends[0].waiting_max == core_.outbox_max());
    PARLEY_ASSERT(envelope && envelope->header.kind == EnvelopeKind::reply);
    PARLEY_ASSERT(envelope->header.id == request.header.id && envelope->body == "answer");
    PARLEY_ASSERT(envelope->header.verb == 0x0201 && envelope->header.error == header.error);
    PARLEY_ASSERT(envelope->header.trace == request.header.trace);
  }

  void come(std::size_t broker) {
    if (links_[broker].is_up) return;
    links_[broker] = {.is_up = true};
    ++epochs_[broker];
    ways_.clear();
    core_.on_up(broker, 100 + broker);
    const auto sends = core_.take_sends();
    PARLEY_ASSERT(sends.size() == (drain_until_ ? 1 : 0));
    for (const Send& send : sends) expect_control(send, broker);
  }

  void go(std::size_t broker) {
    if (!links_[broker].is_up) return;
    std::deque<Delivery> perhaps_lost = std::exchange(links_[broker], {}).sent;
    ways_.clear();
    core_.on_down(broker, now_);
    const auto sends = core_.take_sends();
    PARLEY_ASSERT(any_up() || sends.empty());
    if (!any_up()) return;
    std::erase_if(perhaps_lost, [&](const Delivery& delivery) {
      return now_ - delivery.first_sent > repeated_within;
    });
    PARLEY_ASSERT(sends.size() == perhaps_lost.size());
    for (std::size_t i = 0; i < sends.size(); ++i)
      expect_delivery(sends[i], perhaps_lost[i], flag_repeated);
  }

  // Of something that it was sent.
  void not_reached(std::size_t broker) {
    if (!links_[broker].is_up || links_[broker].sent.empty()) return;
    Delivery delivery = links_[broker].sent[byte() % links_[broker].sent.size()];
    delivery.first_sent = now_;
    links_[broker].absent[delivery.gateway.value] = now_ + believed_absent_for;
    ways_.clear();
    const EnvelopeHeader header{.kind = EnvelopeKind::unreachable,
                                .key = delivery.key,
                                .id = {.gateway = delivery.gateway}};
    const bool again = core_.on_unreachable(broker, header, delivery.items, now_);
    PARLEY_ASSERT(again == any_knows(delivery.gateway));
    const auto sends = core_.take_sends();
    PARLEY_ASSERT(sends.size() == (again ? 1 : 0));
    if (again) expect_delivery(sends[0], delivery, 0);
  }

  void announce() {
    core_.announce("everybody");
    const auto sends = core_.take_sends();
    std::size_t at = 0;
    for (std::size_t i = 0; i < brokers; ++i) {
      if (!links_[i].is_up) continue;
      PARLEY_ASSERT(at < sends.size() && sends[at].broker == i);
      const auto envelope = decode_envelope(sends[at++].bytes);
      PARLEY_ASSERT(envelope && envelope->body == "everybody");
      PARLEY_ASSERT(envelope->header == EnvelopeHeader{.kind = EnvelopeKind::deliver});
    }
    PARLEY_ASSERT(at == sends.size());
  }

  void pass(Duration time) {
    now_ += time;
    // A broker that was believed not to know a gateway is tried again.
    ways_.clear();
  }

  void expect_control(const Send& send, std::size_t broker) {
    PARLEY_ASSERT(send.what == What::control && send.broker == broker);
    PARLEY_ASSERT(decode_envelope(send.bytes)->header.kind == EnvelopeKind::drain);
  }

  void drain() {
    if (drain_until_) return;
    drain_until_ = now_ + 3s;
    core_.drain(*drain_until_);
    auto sends = core_.take_sends();
    for (std::size_t i = brokers; i-- > 0;) {
      if (!links_[i].is_up) continue;
      PARLEY_ASSERT(!sends.empty());
      expect_control(sends.back(), i);
      sends.pop_back();
    }
    PARLEY_ASSERT(sends.empty());
  }

  void check_drained() const {
    const bool answered =
        std::ranges::all_of(links_, [](const Link& link) { return link.unanswered == 0; });
    const bool late = now_ >= *drain_until_;
    PARLEY_ASSERT(core_.is_drained(true, now_) == (answered || late));
    PARLEY_ASSERT(core_.is_drained(false, now_) == late);
  }

  Input input_;
  Instant now_{std::chrono::hours(1)};
  ConsumerCore core_{{.brokers = brokers, .credit_messages = 16, .waiting_deliveries_max = 8}};
  std::array<Link, brokers> links_;
  std::array<std::uint64_t, brokers> epochs_{};
  std::vector<std::pair<BusRequest, std::uint64_t>> requests_;
  std::map<std::pair<std::uint64_t, std::uint64_t>, std::size_t> ways_;  // of late deliveries
  std::optional<Instant> drain_until_;
  std::uint64_t deliveries_ = 0;
  std::uint64_t numbers_ = 0;
};

}  // namespace
}  // namespace parley::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  parley::fuzz::Script(data, size).run();
  return 0;
}
