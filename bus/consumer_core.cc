#include "bus/consumer_core.h"

#include <algorithm>

#include "base/assert.h"
#include "bus/rendezvous.h"

namespace parley {
namespace {
constexpr std::size_t outbox_slack = 64;  // registrations, pings, DRAIN

std::string delivery(InstanceId gateway, std::uint64_t key, std::string_view items) {
  return encode({.kind = EnvelopeKind::deliver, .key = key, .id = {.gateway = gateway}}, items);
}
}  // namespace

ConsumerCore::ConsumerCore(Options options) : options_(options), links_(options.brokers) {}

std::size_t ConsumerCore::outbox_max() const {
  return options_.waiting_deliveries_max + options_.credit_messages + outbox_slack;
}

void ConsumerCore::on_up(std::size_t broker, std::uint64_t name) {
  Link& link = links_[broker];
  link = {.registered = true, .epoch = link.epoch + 1, .name = name};
  if (is_draining()) say_drain(broker);  // the REGISTER was on its way
}

void ConsumerCore::on_down(std::size_t broker, Instant now) {
  links_[broker].registered = false;
  links_[broker].unanswered = 0;
  for (auto& perhaps_lost : links_[broker].recent.take(now)) {
    set_flags(perhaps_lost.bytes, flag_repeated);
    deliver(std::move(perhaps_lost), now);
  }
}

BusRequest ConsumerCore::on_request(std::size_t broker, const EnvelopeHeader& header,
                                    std::string body) {
  ++links_[broker].unanswered;
  return {.header = header,
          .body = std::move(body),
          .via = static_cast<std::uint32_t>(broker),
          .via_epoch = links_[broker].epoch};
}

bool ConsumerCore::reply(const BusRequest& request, EnvelopeHeader header, std::string_view body) {
  Link& link = links_[request.via];
  if (!link.registered || request.via_epoch != link.epoch) return false;
  PARLEY_ASSERT(link.unanswered > 0);
  --link.unanswered;
  header.kind = EnvelopeKind::reply;
  header.id = request.header.id;
  header.verb = request.header.verb;
  header.trace = request.header.trace;
  send(request.via, What::reply, encode(header, body));
  return true;
}

// By weight among the registered, so that deliveries of one key travel one way.
std::optional<std::size_t> ConsumerCore::choose(InstanceId gateway, std::uint64_t key, Among among,
                                                Instant now) const {
  std::optional<std::size_t> best;
  std::uint64_t best_weight = 0;
  for (std::size_t i = 0; i < links_.size(); ++i) {
    if (!links_[i].registered) continue;
    if (among == Among::those_that_may_know_it && links_[i].absent.has(gateway, now)) continue;
    const std::uint64_t weight = rendezvous_weight(links_[i].name, key);
    if (best && weight <= best_weight) continue;
    best = i;
    best_weight = weight;
  }
  return best;
}

bool ConsumerCore::deliver(InstanceId gateway, std::uint64_t key, std::string_view items,
                           Instant now) {
  return deliver(
      {.gateway = gateway, .key = key, .bytes = delivery(gateway, key, items), .at = now}, now);
}

bool ConsumerCore::deliver(RecentDeliveries::Sent delivery, Instant now) {
  auto best = choose(delivery.gateway, delivery.key, Among::those_that_may_know_it, now);
  // If none does, one of them says so once more: somebody has to hear that the gateway is gone.
  if (!best) best = choose(delivery.gateway, delivery.key, Among::all, now);
  if (!best) return false;
  send(*best, What::delivery, delivery.bytes);
  links_[*best].recent.add(std::move(delivery), now);
  return true;
}

bool ConsumerCore::on_unreachable(std::size_t broker, const EnvelopeHeader& header,
                                  std::string_view items, Instant now) {
  const InstanceId gateway = header.id.gateway;
  links_[broker].absent.note(gateway, now);
  const auto other = choose(gateway, header.key, Among::those_that_may_know_it, now);
  if (!other) return false;
  // The first broker's RecentDeliveries still have it. In both it would double with every broker that is lost.
  send(*other, What::delivery, delivery(gateway, header.key, items));
  return true;
}

void ConsumerCore::announce(std::string_view items) {
  for (std::size_t i = 0; i < links_.size(); ++i) {
    if (links_[i].registered)
      send(i, What::delivery, encode({.kind = EnvelopeKind::deliver}, items));
  }
}

void ConsumerCore::send(std::size_t broker, What what, std::string bytes) {
  const bool is_hint = what == What::delivery;
  sends_.push_back({.broker = broker,
                    .what = what,
                    .bytes = std::move(bytes),
                    .waiting_max = is_hint ? options_.waiting_deliveries_max : outbox_max()});
}

void ConsumerCore::say_drain(std::size_t broker) {
  send(broker, What::control, encode(EnvelopeHeader{.kind = EnvelopeKind::drain}, {}));
}

void ConsumerCore::drain(Instant until) {
  drain_until_ = until;
  for (std::size_t i = 0; i < links_.size(); ++i)
    if (links_[i].registered) say_drain(i);
}

bool ConsumerCore::is_drained(bool idle, Instant now) const {
  const bool answered =
      std::ranges::all_of(links_, [](const Link& link) { return link.unanswered == 0; });
  return (answered && idle) || now >= *drain_until_;
}

}  // namespace parley
