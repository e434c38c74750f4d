// Knows what was asked and what became of it, and judges each step: the properties that the bus promises, one
// small function each (judge.cc, rules_*). It sees what callers, workers and the store see, and nothing
// of what the code under test thinks.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/error.h"
#include "proto/envelope.h"
#include "proto/verbs.h"
#include "tests/sim/node.h"

namespace parley::sim {

struct Asked {
  RequestId id;
  std::uint16_t verb = 0;
  std::uint64_t key = 0;
  Instant published;
  Instant deadline;
  bool poison = false;
  bool received = false;  // by a worker, at least once
  bool applied = false;   // by the store, at least once
  bool refused = false;   // a broker or worker answered it with an error, at least once
  bool closed = false;    // answered to its caller, or its gateway died
  Errc broker_said = static_cast<Errc>(0);  // the last error that a broker gave of its own
};

class Judge {
 public:
  explicit Judge(Universe& universe) : universe_(universe) {}

  // -- what happens
  void on_published(const RequestId& id, std::uint16_t verb, std::uint64_t key, Duration timeout,
                    bool poison);
  void on_answered(const EnvelopeHeader& header, std::string_view body, const Node& gateway);
  void on_gateway_ended(InstanceId gateway, BootId boot);
  void on_received(const EnvelopeHeader& header);
  void on_applied(const RequestId& id);
  void on_refused(const RequestId& id);
  void on_broker_error(const RequestId& id, Errc code);
  // No caller may be refused in this world.
  void expect_no_refusals() { refusals_allowed_ = false; }
  // From here on all is well; what was asked shortly before, too, must be answered by somebody.
  void on_healed();

  // Who serves what.
  void serves(const std::string& worker, std::vector<ServiceId> services) {
    services_[worker] = std::move(services);
  }
  const std::vector<ServiceId>& services_of(const std::string& worker) const {
    return services_.at(worker);
  }

  // What a positive answer to it says.
  static std::string receipt_of(const RequestId& id);
  bool is_poison(const RequestId& id) const;
  const Asked* find(const RequestId& id) const;

  // The first violation ends the world.
  void violation(std::string_view rule, const std::string& what);
  void require(bool holds, std::string_view rule, const std::function<std::string()>& what) {
    if (!holds) violation(rule, what());
  }
  const std::optional<std::string>& verdict() const { return verdict_; }

  struct Counts {
    std::uint64_t published = 0;
    std::uint64_t positive = 0;
    std::uint64_t retry_later = 0;
    std::uint64_t no_service = 0;
    std::uint64_t internal = 0;
    std::uint64_t repeated = 0;  // received by a worker again
    std::uint64_t abandoned = 0;  // their gateway died
  };
  const Counts& counts() const { return counts_; }
  std::size_t open() const { return open_; }

 private:
  struct LaneId {
    std::uint64_t gateway, boot, key;
    std::uint8_t service;
    friend bool operator==(const LaneId&, const LaneId&) = default;
  };
  struct LaneHash {
    std::size_t operator()(const LaneId& l) const {
      return l.gateway ^ (l.boot * 0x9E3779B97F4A7C15ULL) ^ (l.key * 31 + l.service);
    }
  };

  Asked* known(const RequestId& id, std::string_view rule);
  std::deque<Asked*>& lane_of(const Asked& asked);
  void close(Asked& asked);

  // -- the rules
  void answered_once_and_never_of_another(const Asked& asked, const EnvelopeHeader& header,
                                          std::string_view body);
  void answered_in_time(const Asked& asked, const Node& gateway);
  void positive_answers_are_applied(const Asked& asked);
  void errors_have_a_reason(const Asked& asked, Errc error);
  void orderly_restarts_are_not_noticed(const Asked& asked, Errc error);
  void answered_after_healing(const Asked& asked, Errc error);
  void older_first(const Asked& asked, bool Asked::*step, std::string_view rule);

  Universe& universe_;
  std::unordered_map<RequestId, Asked> asked_;
  std::unordered_map<LaneId, std::deque<Asked*>, LaneHash> lanes_;
  std::unordered_map<std::string, std::vector<ServiceId>> services_;
  std::optional<Instant> healed_at_;
  bool refusals_allowed_ = true;
  std::size_t open_ = 0;
  Counts counts_;
  std::optional<std::string> verdict_;
};

std::string text_of(const RequestId& id);

}  // namespace parley::sim
