#include "tests/sim/judge.h"

#include <algorithm>
#include <utility>

#include "proto/verbs.h"

namespace parley::sim {
namespace {

constexpr auto ok = static_cast<Errc>(0);
// The publisher looks at its deadlines every 50 ms.
constexpr Duration answer_slack = 100ms;
// What was asked at most so long before everything was healed, or later, must be answered by somebody,
// not by a deadline.
constexpr Duration before_healing = 2s;

bool is_timeout(const Asked& asked, Errc error, Instant now) {
  return error == Errc::retry_later && now + answer_slack >= asked.deadline;
}

}  // namespace

std::string text_of(const RequestId& id) {
  return std::to_string(id.gateway.value % 1'000) + "." + std::to_string(id.boot.value % 1'000) +
         "#" + std::to_string(id.number);
}

std::string Judge::receipt_of(const RequestId& id) {
  return std::to_string(id.gateway.value) + "/" + std::to_string(id.boot.value) + "/" +
         std::to_string(id.number);
}

const Asked* Judge::find(const RequestId& id) const {
  const auto found = asked_.find(id);
  return found == asked_.end() ? nullptr : &found->second;
}

bool Judge::is_poison(const RequestId& id) const {
  const Asked* asked = find(id);
  return asked != nullptr && asked->poison;
}

void Judge::violation(std::string_view rule, const std::string& what) {
  if (verdict_) return;
  verdict_ = std::string(rule) + ": " + what;
  universe_.trace.say("VIOLATION", *verdict_);
  universe_.timeline.stop();
}

Asked* Judge::known(const RequestId& id, std::string_view rule) {
  const auto found = asked_.find(id);
  if (found != asked_.end()) return &found->second;
  violation(rule, text_of(id) + " was never asked");
  return nullptr;
}

std::deque<Asked*>& Judge::lane_of(const Asked& asked) {
  return lanes_[{asked.id.gateway.value, asked.id.boot.value, asked.key, service_of(asked.verb)}];
}

// -- what happens

void Judge::on_published(const RequestId& id, std::uint16_t verb, std::uint64_t key,
                         Duration timeout, bool poison) {
  const auto [at, is_new] = asked_.try_emplace(id);
  if (!is_new) return violation("numbers_are_used_once", text_of(id));
  at->second = {.id = id,
                .verb = verb,
                .key = key,
                .published = universe_.now(),
                .deadline = universe_.now() + timeout,
                .poison = poison};
  lane_of(at->second).push_back(&at->second);
  ++open_;
  ++counts_.published;
}

void Judge::on_answered(const EnvelopeHeader& header, std::string_view body, const Node& gateway) {
  Asked* asked = known(header.id, "never_an_answer_of_another");
  if (asked == nullptr) return;
  const auto error = static_cast<Errc>(header.error);
  answered_once_and_never_of_another(*asked, header, body);
  answered_in_time(*asked, gateway);
  if (error == ok) positive_answers_are_applied(*asked);
  else errors_have_a_reason(*asked, error);
  orderly_restarts_are_not_noticed(*asked, error);
  answered_after_healing(*asked, error);
  counts_.positive += error == ok ? 1 : 0;
  counts_.retry_later += error == Errc::retry_later ? 1 : 0;
  counts_.no_service += error == Errc::no_service ? 1 : 0;
  counts_.internal += error == Errc::internal ? 1 : 0;
  close(*asked);
}

void Judge::close(Asked& asked) {
  if (std::exchange(asked.closed, true)) return;
  --open_;
  auto& lane = lane_of(asked);
  while (!lane.empty() && lane.front()->closed) lane.pop_front();
}

void Judge::on_gateway_ended(InstanceId gateway, BootId boot) {
  for (auto& [id, asked] : asked_) {
    if (id.gateway != gateway || id.boot != boot || asked.closed) continue;
    ++counts_.abandoned;
    close(asked);
  }
}

void Judge::on_received(const EnvelopeHeader& header) {
  Asked* asked = known(header.id, "workers_get_what_was_asked");
  if (asked == nullptr) return;
  require(header.verb == asked->verb && header.key == asked->key, "workers_get_what_was_asked",
          [&] { return text_of(header.id) + " changed on its way"; });
  require(header.attempt >= 1 && header.attempt <= 3, "at_most_three_attempts",
          [&] { return text_of(header.id) + " attempt " + std::to_string(header.attempt); });
  if (std::exchange(asked->received, true)) ++counts_.repeated;
  else older_first(*asked, &Asked::received, "workers_get_a_key_in_order");
}

void Judge::on_applied(const RequestId& id) {
  Asked* asked = known(id, "workers_get_what_was_asked");
  if (asked == nullptr) return;
  if (!std::exchange(asked->applied, true))
    older_first(*asked, &Asked::applied, "a_key_is_applied_in_order");
}

void Judge::on_refused(const RequestId& id) {
  if (Asked* asked = known(id, "workers_get_what_was_asked")) asked->refused = true;
}

void Judge::on_broker_error(const RequestId& id, Errc code) {
  Asked* asked = known(id, "brokers_answer_what_was_asked");
  if (asked == nullptr) return;
  asked->refused = true;
  asked->broker_said = code;
}

void Judge::on_healed() { healed_at_ = universe_.now(); }

// -- the rules

void Judge::answered_once_and_never_of_another(const Asked& asked, const EnvelopeHeader& header,
                                               std::string_view body) {
  require(!asked.closed, "answered_once",
          [&] { return text_of(asked.id) + " was answered again"; });
  require(header.verb == asked.verb, "never_an_answer_of_another",
          [&] { return text_of(asked.id) + " got the answer of another verb"; });
  const std::string expected = header.error == 0 ? receipt_of(asked.id) : "";
  require(body == expected, "never_an_answer_of_another",
          [&] { return text_of(asked.id) + " got the answer " + std::string(body); });
}

void Judge::answered_in_time(const Asked& asked, const Node& gateway) {
  const Instant latest = std::max(asked.deadline, gateway.resumed_at()) + answer_slack;
  require(universe_.now() <= latest, "answered_in_time", [&] {
    return text_of(asked.id) + " " + std::to_string(to_ms(universe_.now() - latest)) + " ms late";
  });
}

void Judge::positive_answers_are_applied(const Asked& asked) {
  require(asked.applied, "positive_answers_are_applied",
          [&] { return text_of(asked.id) + " was acknowledged and not applied"; });
}

// Its time is up, a worker refused it, or a broker did, whose reasons are judged where it gives them.
void Judge::errors_have_a_reason(const Asked& asked, Errc error) {
  const bool known_error =
      error == Errc::retry_later || error == Errc::no_service || error == Errc::internal;
  const bool has_reason = is_timeout(asked, error, universe_.now()) || asked.refused;
  require(known_error && has_reason, "errors_have_a_reason", [&] {
    return text_of(asked.id) + " got " + std::string(name_of(error)) + " and nobody said so";
  });
}

void Judge::orderly_restarts_are_not_noticed(const Asked& asked, Errc error) {
  require(refusals_allowed_ || error == ok, "orderly_restarts_are_not_noticed",
          [&] { return text_of(asked.id) + " got " + std::string(name_of(error)); });
}

void Judge::answered_after_healing(const Asked& asked, Errc error) {
  if (!healed_at_ || asked.published + before_healing < *healed_at_) return;
  require(!is_timeout(asked, error, universe_.now()), "answered_after_healing", [&] {
    return text_of(asked.id) + " was answered by its deadline only, " +
           std::to_string(to_ms(universe_.now() - *healed_at_)) + " ms after all was well";
  });
}

// What is older, of the same key of the same gateway, and still waited for took this step before; or it was
// refused and will be, if the refusal got lost, asked for again out of order; or its time is up.
void Judge::older_first(const Asked& asked, bool Asked::*step, std::string_view rule) {
  for (const Asked* older : lane_of(asked)) {
    if (older->id.number >= asked.id.number) return;
    const bool over = older->closed || older->refused || older->deadline <= universe_.now();
    require(over || older->*step, rule,
            [&] { return text_of(asked.id) + " overtook " + text_of(older->id); });
  }
}

}  // namespace parley::sim
