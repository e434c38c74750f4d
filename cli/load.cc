#include "cli/load.h"

#include <algorithm>

namespace parley {
namespace {

using wire::BrokerStatus;

const BrokerStatus* status_at(const Sample& sample, const std::string& endpoint) {
  const auto found = std::ranges::find(sample.answers, endpoint, &BrokerAnswer::endpoint);
  return found != sample.answers.end() && found->status ? &*found->status : nullptr;
}

template <typename Lines>
const typename Lines::value_type* line_named(const Lines& lines, const std::string& name) {
  const auto found =
      std::ranges::find_if(lines, [&](const auto& line) { return line.name() == name; });
  return found != lines.end() ? &*found : nullptr;
}

// The load's line of that name, made if there is none.
template <typename Line>
Line& line_for(std::vector<Line>& lines, const std::string& name) {
  const auto found = std::ranges::find(lines, name, &Line::name);
  return found != lines.end() ? *found : lines.emplace_back(Line{.name = name});
}

// Rates of one broker's counters. Without an earlier look at it: zeros.
class Rates {
 public:
  Rates(const Sample& before, const Sample& now, const BrokerAnswer& answer)
      : earlier_(status_at(before, answer.endpoint)),
        seconds_(std::chrono::duration<double>(now.at - before.at).count()) {
    // A former life's counters say nothing about this one.
    if (earlier_ != nullptr && earlier_->boot() != answer.status->boot()) earlier_ = &just_born;
  }

  // `then`: the same line in the earlier look; null: there was none, so all has happened since.
  template <typename Line>
  double of(std::uint64_t (Line::*counter)() const, const Line& now, const Line* then) const {
    if (earlier_ == nullptr || seconds_ <= 0) return 0;
    const std::uint64_t counted = (now.*counter)();
    const std::uint64_t before = then != nullptr ? (then->*counter)() : 0;
    return static_cast<double>(counted - std::min(before, counted)) / seconds_;
  }
  const BrokerStatus::Service* earlier(const BrokerStatus::Service& service) const {
    return earlier_ != nullptr ? line_named(earlier_->services(), service.name()) : nullptr;
  }
  const BrokerStatus::Peer* earlier(const BrokerStatus::Peer& peer) const {
    const auto* line = earlier_ != nullptr ? line_named(earlier_->peers(), peer.name()) : nullptr;
    return line != nullptr && line->boot() == peer.boot() ? line : nullptr;
  }

 private:
  static inline const BrokerStatus just_born;

  const BrokerStatus* earlier_;
  double seconds_;
};

void add(const Rates& rates, const BrokerStatus::Service& s, ServiceLoad& load) {
  using Service = BrokerStatus::Service;
  const Service* then = rates.earlier(s);
  load.workers = std::max(load.workers, s.workers());
  load.queued += s.queued();
  load.queued_bytes += s.queued_bytes();
  load.poisoned += s.poisoned();
  load.requests += rates.of(&Service::requests, s, then);
  load.answers += rates.of(&Service::answered, s, then);
  load.busy += rates.of(&Service::busy, s, then);
  load.waits += rates.of(&Service::credit_exhausted, s, then);
  load.redelivered += rates.of(&Service::redelivered, s, then);
}

void add(const Rates& rates, const BrokerStatus::Peer& p, PeerLoad& load) {
  using Peer = BrokerStatus::Peer;
  const Peer* then = rates.earlier(p);
  load.role = p.role();
  load.outstanding += p.outstanding_messages();
  load.credit += p.credit_messages();
  load.waiting += p.waiting();
  load.undelivered += p.undelivered_messages();
  load.window += p.delivery_messages();
  load.deliveries_waiting += p.deliveries_waiting();
  load.silent_ms = std::max(load.silent_ms, p.silent_ms());
  load.draining = load.draining || p.draining();
  load.requests += rates.of(&Peer::requests, p, then);
  load.deliveries += rates.of(&Peer::deliveries, p, then);
  load.dropped += rates.of(&Peer::deliveries_dropped, p, then);
  load.waits += rates.of(&Peer::credit_exhausted, p, then);
}

template <typename Line, typename Work>
void sort_by(std::vector<Line>& lines, Work work) {
  std::ranges::sort(lines, [&](const Line& a, const Line& b) {
    return work(a) != work(b) ? work(a) > work(b) : a.name < b.name;
  });
}

}  // namespace

Load load_between(const Sample& before, const Sample& now) {
  Load load;
  for (const BrokerAnswer& answer : now.answers) {
    if (!answer.status) continue;
    const Rates rates(before, now, answer);
    for (const auto& service : answer.status->services())
      add(rates, service, line_for(load.services, service.name()));
    for (const auto& peer : answer.status->peers())
      add(rates, peer, line_for(load.peers, peer.name()));
  }
  sort_by(load.services, [](const ServiceLoad& s) {
    return s.requests + static_cast<double>(s.queued);
  });
  sort_by(load.peers, [](const PeerLoad& p) {
    return p.requests + p.deliveries + static_cast<double>(p.waiting + p.deliveries_waiting);
  });
  return load;
}

}  // namespace parley
