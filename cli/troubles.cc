#include "cli/troubles.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "cli/report_text.h"

namespace parley {
namespace {

using wire::BrokerStatus;
using Lines = std::vector<std::string>;

// A peer is pinged after 500 ms of silence and is dead after 1.5 s.
constexpr std::uint32_t silence_is_long_ms = 1'000;
// So many wait at times in every busy system.
constexpr std::uint64_t queue_is_long = 100;

void silent_brokers(const Sample& now, Lines& out) {
  for (const BrokerAnswer& answer : now.answers)
    if (!answer.status) out.push_back(answer.status.error().detail);
}

template <typename Look>
void at_each_broker(const Sample& now, Look look) {
  for (const BrokerAnswer& answer : now.answers)
    if (answer.status) look(*answer.status);
}

void services_without_workers(const BrokerStatus& broker, Lines& out) {
  for (const auto& s : broker.services())
    if (s.workers() == 0)
      out.push_back(fmt::format("{}: no worker at {}, {} waiting", s.name(), broker.name(),
                                counted(s.queued(), "request")));
}

void poison(const BrokerStatus& broker, Lines& out) {
  if (broker.parked() > 0)
    out.push_back(fmt::format("{} set aside as poison at {}: `parley poison list`",
                              counted(broker.parked(), "request"), broker.name()));
}

std::uint64_t queued_before(const Sample& before, const std::string& service) {
  std::uint64_t queued = 0;
  at_each_broker(before, [&](const BrokerStatus& broker) {
    for (const auto& s : broker.services())
      if (s.name() == service) queued += s.queued();
  });
  return queued;
}

void overload(const Sample& before, const ServiceLoad& s, Lines& out) {
  if (s.busy > 0)
    out.push_back(fmt::format("{}: the queue is full, {}/s are refused", s.name,
                              rate_text(s.busy)));
  else if (s.queued >= queue_is_long && s.queued > queued_before(before, s.name))
    out.push_back(fmt::format("{}: the queue grows, {} ({}) wait", s.name,
                              counted(s.queued, "request"), bytes_text(s.queued_bytes)));
  if (s.waits > 0)
    out.push_back(fmt::format("{}: workers' credit is exhausted, {}/s had to wait", s.name,
                              rate_text(s.waits)));
  if (s.redelivered > 0)
    out.push_back(fmt::format("{}: {}/s were taken from a worker and given to another", s.name,
                              rate_text(s.redelivered)));
}

void slow_receivers(const PeerLoad& p, Lines& out) {
  if (p.dropped > 0)
    out.push_back(fmt::format("{} is too slow: {} deliveries/s are dropped", p.name,
                              rate_text(p.dropped)));
  else if (p.deliveries_waiting > 0)
    out.push_back(fmt::format("{} is slow: {} deliveries wait for its credit", p.name,
                              p.deliveries_waiting));
}

void silence(const PeerLoad& p, Lines& out) {
  if (p.silent_ms >= silence_is_long_ms)
    out.push_back(fmt::format("{} has been silent for {} ms", p.name, p.silent_ms));
}

// Who is at one broker and not at another is only half as well off as it looks.
void missing_registrations(const Sample& now, Lines& out) {
  std::map<std::string, std::size_t> registrations;
  std::size_t brokers = 0;
  at_each_broker(now, [&](const BrokerStatus& broker) {
    ++brokers;
    for (const auto& peer : broker.peers()) ++registrations[peer.name()];
  });
  for (const auto& [name, count] : registrations)
    if (count < brokers)
      out.push_back(fmt::format("{} is registered with {} of {} brokers", name, count, brokers));
}

void leaving(const Sample& now, const Load& load, Lines& out) {
  at_each_broker(now, [&](const BrokerStatus& broker) {
    if (broker.draining()) out.push_back(broker.name() + " is draining");
  });
  for (const PeerLoad& peer : load.peers)
    if (peer.draining) out.push_back(peer.name + " is draining");
}

}  // namespace

std::vector<std::string> troubles(const Sample& before, const Sample& now) {
  const Load load = load_between(before, now);
  Lines out;
  silent_brokers(now, out);
  at_each_broker(now, [&](const auto& broker) { services_without_workers(broker, out); });
  at_each_broker(now, [&](const auto& broker) { poison(broker, out); });
  for (const ServiceLoad& service : load.services) overload(before, service, out);
  for (const PeerLoad& peer : load.peers) slow_receivers(peer, out);
  for (const PeerLoad& peer : load.peers) silence(peer, out);
  missing_registrations(now, out);
  leaving(now, load, out);
  return out;
}

}  // namespace parley
