// A broker and some peers, good and bad: the input is a script of what they say, of time and of
// failures. broker_model.h says what must hold.
//
// Input: steps, each a byte that says what (below), one that says who, and what else the step
// needs.
#include <array>

#include "bus/batch.h"
#include "proto/bus.pb.h"
#include "proto/verbs.h"
#include "tests/fuzz/broker_model.h"
#include "tests/fuzz/fuzz.h"

namespace parley::fuzz {
namespace {

constexpr std::size_t steps_max = 400;
constexpr Duration tick_every = 100ms;

// An address, who the transport says is there, and the life that it lives at present.
struct Slot {
  PeerKey key;
  Principal who;
  std::string name;
  std::uint64_t boot = 1;
  bool answers_pings = true;
};

std::vector<Slot> people() {
  const Roles front{Role::gateway, Role::business, Role::admin};
  constexpr auto curve = Protection::curve;
  return {
      {{Side::gateways, "G0"}, {{}, front, "*"}, "gateway-0"},
      {{Side::gateways, "G1"}, {{}, front, "*"}, "gateway-1"},
      {{Side::gateways, "G2", curve}, {"k2", {Role::gateway}, "gateway-2"}, "gateway-2"},
      {{Side::gateways, "B3", curve}, {"k3", {Role::business}, "hr-*"}, "hr-3"},
      {{Side::workers, "W4"}, {{}, {Role::worker}, "*"}, "worker-4"},
      {{Side::workers, "W5"}, {{}, {Role::worker}, "*"}, "worker-5"},
      {{Side::workers, "W6", curve}, {"k6", {Role::worker}, "worker-*"}, "worker-6"},
      // Another key at the address of worker-6, and one that no worker has.
      {{Side::workers, "W6", curve}, {"k7", {Role::gateway}, "gateway-2"}, "worker-4"},
      {{Side::gateways, "A8", curve}, {"k8", {Role::admin}, "ops"}, "ops"},
  };
}

constexpr std::array verbs{
    static_cast<std::uint16_t>(Verb::login_password), static_cast<std::uint16_t>(Verb::c2c_send),
    static_cast<std::uint16_t>(Verb::push_publish), static_cast<std::uint16_t>(Verb::app_request),
    static_cast<std::uint16_t>(0xFF01)};
constexpr std::array<const char*, 2> apps{"app.payroll", "app.canteen"};

class Script {
 public:
  Script(const std::uint8_t* data, std::size_t size)
      : input_(data, size), broker_(options_, now_), model_(broker_, options_) {}

  void run() {
    for (std::size_t step = 0; step < steps_max && !input_.empty(); ++step) take_step();
    heal();
  }

 private:
  std::uint8_t byte() { return input_.number<std::uint8_t>(); }
  Slot& someone() { return slots_[byte() % slots_.size()]; }

  void take_step() {
    switch (byte() % 16) {
      case 0:
      case 1: return register_someone();
      case 2:
      case 3:
      case 4: return ask();
      case 5:
      case 6:
      case 7: return answer();
      case 8: return say(someone(), static_cast<EnvelopeKind>(byte() % 64));
      case 9: return pass(byte() % 32);
      case 10: return fail_someone();
      case 11: return mutate();
      case 12: return raw();
      case 13: return batch();
      case 14: return tell_or_deliver();
      default: return rare();
    }
  }

  void give(const Slot& from, std::string bytes) {
    last_ = bytes;
    model_.give(from.key, from.who, bytes, now_);
  }
  void say(const Slot& from, EnvelopeKind kind) { give(from, encode({.kind = kind}, {})); }

  // Mostly as it should be; `odd` makes it claim something else.
  void register_someone() {
    Slot& who = someone();
    const std::uint8_t odd = byte();
    wire::RegisterPeer body;
    const bool is_worker = who.key.side == Side::workers;
    body.set_role(is_worker                          ? wire::PEER_ROLE_WORKER
                  : who.who.roles.has(Role::gateway) ? wire::PEER_ROLE_GATEWAY
                                                     : wire::PEER_ROLE_BUSINESS);
    if (odd % 8 == 1) body.set_role(static_cast<wire::PeerRole>(byte() % 6));
    body.set_name(odd % 8 == 2 ? someone().name : who.name);
    if (is_worker || odd % 8 == 3) offer(body);
    if (body.role() == wire::PEER_ROLE_BUSINESS || odd % 8 == 5) offer_apps(body);
    body.set_delivery_messages(odd / 8 % 4);
    body.set_delivery_bytes(odd / 32 * 100U);
    body.set_answers_traces(odd % 16 >= 8);
    const InstanceId instance = instance_id(odd % 8 == 4 ? someone().name : body.name());
    give(who, encode({.kind = EnvelopeKind::register_peer,
                      .id = {.gateway = instance, .boot = BootId{who.boot}}},
                     body.SerializeAsString()));
  }

  void offer(wire::RegisterPeer& body) {
    const std::uint8_t offered = byte();
    for (std::size_t i = 0; i < verbs.size(); ++i)
      if ((offered >> i & 1) != 0) body.add_services(service_of(verbs[i]));
    body.set_credit_messages(byte() % 8);
    body.set_credit_bytes(100U * byte());
  }

  void offer_apps(wire::RegisterPeer& body) {
    const std::uint8_t offered = byte();
    for (std::size_t i = 0; i < apps.size(); ++i)
      if ((offered >> i & 1) != 0) body.add_apps(apps[i]);
    if (body.apps().empty()) return;
    body.set_credit_messages(byte() % 8);
    body.set_credit_bytes(100U * byte());
  }

  EnvelopeHeader request_of(const Slot& who, std::uint64_t number) {
    EnvelopeHeader header{.kind = EnvelopeKind::request,
                          .verb = verbs[byte() % verbs.size()],
                          .key = byte() % 4U,
                          .id = {instance_id(who.name), BootId{who.boot}, number},
                          .user = UserId{7}};
    header.ttl_ms = 50U * byte();
    if (header.verb == static_cast<std::uint16_t>(Verb::app_request))
      header.target = instance_id(apps[byte() % apps.size()]).value;
    return header;
  }

  // A new request, or one of the last again.
  void ask() {
    const Slot& who = slots_[byte() % 4];
    const std::uint8_t again = byte();
    const std::uint64_t number = again < 200 ? ++numbers_ : numbers_ - again % 8;
    const EnvelopeHeader header = request_of(who, number);
    const std::size_t size = 8U * byte();
    give(who, encode(header, std::string(size, static_cast<char>('a' + number % 26))));
  }

  // What it was asked last, or something that it was not asked.
  void answer() {
    const Slot& who = slots_[3 + byte() % 5];
    const std::uint8_t other = byte();
    std::optional<RequestId> id = model_.held_by(who.key);
    if (!id || other >= 220) {
      const Slot& asker = slots_[other % 4];
      id = {instance_id(asker.name), BootId{asker.boot}, numbers_ - other % 8};
    }
    give(who, encode({.kind = EnvelopeKind::reply,
                      .error = static_cast<std::uint16_t>(other % 4 == 3 ? other : 0),
                      .flags = flag_binds_session,
                      .id = *id,
                      .user = UserId{7}},
                     "answer"));
  }

  void deliver() {
    const Slot& who = someone();
    const std::uint8_t receiver = byte();
    const InstanceId to = receiver % 4 == 0 ? InstanceId{} : instance_id(someone().name);
    give(who, encode({.kind = EnvelopeKind::deliver, .key = receiver, .id = {.gateway = to}},
                     input_.take(byte() % 32)));
  }

  void tell_or_deliver() {
    const std::uint8_t what = byte();
    if (what >= 240) return tell();
    return what % 2 == 0 ? deliver() : deal();
  }

  // What an operator wants to know, or has not asked, or is not this one's to tell.
  void tell() {
    constexpr std::array points{"gateway_replied", "worker_replied", "business_replied", "\n"};
    const Slot& who = someone();
    const std::uint64_t number = byte() % 4;
    wire::TraceAnswer answer;
    answer.set_process("broker-1");
    answer.add_events()->set_user(7);
    answer.mutable_events(0)->set_point(points[byte() % points.size()]);
    give(who, encode({.kind = EnvelopeKind::trace_answer, .id = {.number = number}},
                     answer.SerializeAsString()));
  }

  // It has dealt with all deliveries that it was sent, or claims something else.
  void deal() {
    const Slot& who = someone();
    const std::uint8_t odd = byte();
    const auto [messages, bytes] = model_.delivered_to(who.key);
    give(who, encode({.kind = EnvelopeKind::credit,
                      .id = {.number = odd < 200 ? messages : odd},
                      .target = odd < 230 ? bytes : odd},
                     {}));
  }

  void operate() {
    const Slot& who = someone();
    wire::AdminRequest request;
    switch (byte() % 5) {
      case 0: request.mutable_drain()->set_peer(someone().name); break;
      case 1: request.mutable_poison_list(); break;
      case 2: request.mutable_poison_retry(); break;
      case 3: request.mutable_poison_drop()->add_tickets(byte() % 4); break;
      default: request.mutable_trace()->set_user(7);
    }
    give(who,
         encode({.kind = EnvelopeKind::admin, .id = {.number = 1}}, request.SerializeAsString()));
  }

  void fail_someone() {
    Slot& who = someone();
    switch (byte() % 4) {
      case 0: return model_.unreachable(who.key, now_);
      case 1: who.answers_pings = !who.answers_pings; return;
      case 2: ++who.boot; return;  // a new life that nobody was told of
      default:                     // and with a new address
        ++who.boot;
        who.key.identity += '+';
    }
  }

  void mutate() {
    const Slot& from = someone();
    std::string bytes = last_;
    for (int changes = 1 + byte() % 4; changes > 0 && !bytes.empty(); --changes)
      bytes[input_.number<std::uint16_t>() % bytes.size()] = static_cast<char>(byte());
    give(from, std::move(bytes));
  }

  void raw() {
    const Slot& from = someone();
    give(from, std::string(input_.take(byte())));
  }

  // As the shell hands it over.
  void batch() {
    const Slot& from = someone();
    std::vector<std::string> envelopes;
    for (int count = 1 + byte() % 4; count > 0; --count)
      envelopes.push_back(encode(request_of(from, ++numbers_), input_.take(byte() % 64)));
    auto next = envelopes.begin();
    std::string packed;
    std::string message(pack(next, envelopes.end(), packed));
    if (const std::size_t cut = byte(); cut < 64) message.resize(message.size() - cut);
    const bool whole =
        unpack(std::move(message), [&](std::string bytes) { give(from, std::move(bytes)); });
    if (!whole) give(from, {});
  }

  void rare() {
    switch (byte() % 5) {
      case 0: return model_.hint(now_);
      case 1: now_ += std::chrono::milliseconds(20) * byte(); return;  // the broker stands still
      case 2: return byte() == 1 ? model_.drain(now_) : void();
      case 3: return operate();
      default: return say(someone(), EnvelopeKind::status);
    }
  }

  void pass(int ticks) {
    for (; ticks > 0; --ticks) {
      now_ += tick_every;
      for (const Slot& slot : slots_)
        if (slot.answers_pings && model_.is_registered(slot.key, slot.who))
          model_.give(slot.key, slot.who, encode({.kind = EnvelopeKind::pong}, {}), now_);
      model_.tick(now_);
    }
  }

  // All who served are gone; one who serves everything comes, and answers.
  void heal() {
    say(slots_[0], EnvelopeKind::status);
    for (Slot& slot : slots_) slot.answers_pings = true;
    for (const PeerKey& worker : model_.servers()) model_.unreachable(worker, now_);
    for (auto rest = model_.askers(); rest.size() >= options_.peers_max; rest.pop_back())
      model_.unreachable(rest.back(), now_);
    Slot healer{{Side::workers, "healer"}, {{}, {Role::worker}, "*"}, "healer.of.all"};
    wire::RegisterPeer body;
    body.set_role(wire::PEER_ROLE_WORKER);
    body.set_name(healer.name);
    for (std::uint32_t service = 1; service < 256; ++service)
      if (service != static_cast<std::uint32_t>(ServiceId::app)) body.add_services(service);
    body.set_credit_messages(1'000);
    body.set_credit_bytes(1 << 20);
    give(healer, encode({.kind = EnvelopeKind::register_peer,
                         .id = {.gateway = instance_id(healer.name), .boot = BootId{1}}},
                        body.SerializeAsString()));
    slots_.push_back(healer);
    PARLEY_ASSERT(model_.is_registered(healer.key));
    const int rest = static_cast<int>(options_.dead_after / tick_every);  // before a last attempt
    for (int round = 0; round < rest + 8; ++round) {
      while (const auto id = model_.held_by(healer.key))
        give(healer, encode({.kind = EnvelopeKind::reply, .id = *id}, "healed"));
      pass(1);
    }
    model_.expect_all_settled();
  }

  Input input_;
  Instant now_{std::chrono::hours(1)};
  const BrokerOptions options_{.startup_grace = 300ms,
                               .queue_messages_max = 12,
                               .queue_bytes_max = 8'000,
                               .held_messages_max = 24,
                               .held_bytes_max = 16'000,
                               .peers_max = 7,
                               .parked_max = 4,
                               .apps_max = 2,
                               .waiting_deliveries_max = 4};
  Broker broker_;
  BrokerModel model_;
  std::vector<Slot> slots_ = people();
  std::string last_ = encode({.kind = EnvelopeKind::ping}, {});
  std::uint64_t numbers_ = 0;
};

}  // namespace
}  // namespace parley::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  parley::fuzz::Script(data, size).run();
  return 0;
}
