#include "bus/publisher_core.h"

#include <utility>

#include "bus/rendezvous.h"
#include "proto/limits.h"
#include "proto/verbs.h"

namespace parley {

PublisherCore::PublisherCore(Options options)
    : options_(options),
      brokers_(options.brokers),
      for_apps_(options.pending_max, options.pending_bytes_max) {}

Result<std::uint64_t> PublisherCore::publish(EnvelopeHeader header, std::string_view body,
                                             Instant now) {
  const std::size_t size = limits::envelope_header_bytes + body.size();
  if (size > limits::envelope_max) return fail(Errc::too_large, "envelope");
  const bool is_for_app = is_app_verb(header.verb);
  if (pending_.size() >= options_.pending_max ||
      pending_bytes_ + size > options_.pending_bytes_max ||
      (is_for_app && !for_apps_.has_room_for(size))) {
    ++counters_.refused;
    return fail(Errc::retry_later, "too many unanswered requests", options_.retry_hint_ms);
  }
  header.kind = EnvelopeKind::request;
  header.id = {options_.instance, options_.boot, ++last_number_};
  header.attempt = 0;
  header.ttl_ms = 0;

  const SlabIndex at = pending_.insert(header.id.number);
  Pending& request = pending_[at];
  request.bytes = encode(header, body);
  request.deadline = now + options_.request_timeout;
  request.is_for_app = is_for_app;
  if (is_for_app) for_apps_.take(size);
  request.lane = lanes_.find(header.key);
  if (request.lane == no_index) request.lane = lanes_.insert(header.key);
  all_.push_back(pending_, at);
  lanes_[request.lane].requests.push_back(pending_, at);
  pending_bytes_ += size;
  ++counters_.published;
  place(at, now);
  return header.id.number;
}

std::size_t PublisherCore::choose(std::uint64_t key) const {
  std::size_t chosen = no_broker;
  std::uint64_t best = 0;
  for (std::size_t i = 0; i < brokers_.size(); ++i) {
    if (brokers_[i].health != Health::up) continue;
    const std::uint64_t weight = rendezvous_weight(brokers_[i].name, key);
    if (chosen != no_broker && weight <= best) continue;
    chosen = i;
    best = weight;
  }
  return chosen;
}

// Sends it to its lane's broker; it waits if that drains, or if nobody is healthy.
void PublisherCore::place(SlabIndex at, Instant now) {
  const SlabIndex lane = pending_[at].lane;
  if (lanes_[lane].broker == no_broker) lanes_[lane].broker = choose(lanes_.key(lane));
  const std::size_t broker = lanes_[lane].broker;
  if (broker != no_broker && brokers_[broker].health == Health::up) send(at, now);
}

void PublisherCore::send(SlabIndex at, Instant now) {
  Pending& request = pending_[at];
  Lane& lane = lanes_[request.lane];
  if (!request.sent) ++lane.sent;
  request.sent = true;
  request.sent_at = now;
  const Duration left = std::max(request.deadline - now, Duration(1ms));
  set_ttl_ms(request.bytes, static_cast<std::uint32_t>(to_ms(left)));
  sends_.push_back({lane.broker, request.bytes});
}

void PublisherCore::send_waiting(SlabIndex lane, Instant now) {
  for (SlabIndex at = lanes_[lane].requests.head; at != no_index; at = pending_[at].in_lane.next) {
    if (!pending_[at].sent) place(at, now);
  }
}

bool PublisherCore::on_reply(const EnvelopeHeader& header, Instant now) {
  const bool is_ours =
      header.id.gateway == options_.instance && header.id.boot == options_.boot;
  const SlabIndex at = is_ours ? pending_.find(header.id.number) : no_index;
  if (at == no_index) {
    ++counters_.late_replies;
    return false;
  }
  settle(at, now);
  return true;
}

void PublisherCore::settle(SlabIndex at, Instant now) {
  const Pending& request = pending_[at];
  const SlabIndex lane = request.lane;
  pending_bytes_ -= request.bytes.size();
  if (request.is_for_app) for_apps_.give_back(request.bytes.size());
  if (request.sent) --lanes_[lane].sent;
  all_.erase(pending_, at);
  lanes_[lane].requests.erase(pending_, at);
  pending_.erase(at);
  if (lanes_[lane].requests.empty()) lanes_.erase(lane);
  else move_if_free(lane, now);
}

// A lane leaves a draining broker once that has answered all it took of it.
void PublisherCore::move_if_free(SlabIndex lane, Instant now) {
  const std::size_t broker = lanes_[lane].broker;
  if (lanes_[lane].sent > 0 || broker == no_broker) return;
  if (brokers_[broker].health == Health::up) return;
  lanes_[lane].broker = no_broker;
  send_waiting(lane, now);
}

void PublisherCore::on_refused(std::size_t broker, const RequestId& id, Instant now) {
  const SlabIndex at = id.boot == options_.boot ? pending_.find(id.number) : no_index;
  if (at == no_index || !pending_[at].sent) return;
  const SlabIndex lane = pending_[at].lane;
  // It was asked again, and refuses the second copy, too.
  if (lanes_[lane].broker != broker) return;
  pending_[at].sent = false;
  --lanes_[lane].sent;
  move_if_free(lane, now);
}

void PublisherCore::on_up(std::size_t broker, std::uint64_t name, Instant now) {
  brokers_[broker] = {Health::up, name};
  for (SlabIndex at = all_.head; at != no_index; at = pending_[at].in_all.next) {
    if (!pending_[at].sent && lanes_[pending_[at].lane].sent == 0) {
      lanes_[pending_[at].lane].broker = no_broker;
      send_waiting(pending_[at].lane, now);
    }
  }
}

void PublisherCore::on_leaving(std::size_t broker) { brokers_[broker].health = Health::leaving; }

void PublisherCore::on_down(std::size_t broker, Instant now) {
  brokers_[broker].health = Health::down;
  std::vector<SlabIndex> moved;
  for (SlabIndex at = all_.head; at != no_index; at = pending_[at].in_all.next) {
    if (lanes_[pending_[at].lane].broker == broker) moved.push_back(at);
  }
  for (const SlabIndex at : moved) {
    counters_.republished += pending_[at].sent ? 1 : 0;
    pending_[at].sent = false;
    lanes_[pending_[at].lane].sent = 0;
  }
  for (const SlabIndex at : moved) lanes_[pending_[at].lane].broker = no_broker;
  for (const SlabIndex at : moved) place(at, now);
}

void PublisherCore::on_tick(Instant now) {
  while (!all_.empty() && pending_[all_.head].deadline <= now) {
    const SlabIndex at = all_.head;
    const auto late = decode_envelope(pending_[at].bytes);
    EnvelopeHeader reply{.kind = EnvelopeKind::reply,
                         .verb = late->header.verb,
                         .error = static_cast<std::uint16_t>(Errc::retry_later),
                         .key = late->header.key,
                         .id = late->header.id,
                         .trace = late->header.trace,
                         .retry_after_ms = options_.retry_hint_ms};
    expired_.push_back({reply});
    ++counters_.expired;
    settle(at, now);
  }
  const Instant published_before = now + options_.request_timeout - options_.republish_after;
  for (SlabIndex at = all_.head; at != no_index && pending_[at].deadline <= published_before;
       at = pending_[at].in_all.next) {
    Pending& request = pending_[at];
    if (!request.sent || now - request.sent_at < options_.republish_after) continue;
    if (brokers_[lanes_[request.lane].broker].health != Health::up) continue;
    ++counters_.republished;
    send(at, now);
  }
}

}  // namespace parley
