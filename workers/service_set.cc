#include "workers/service_set.h"

#include <algorithm>

#include "base/log.h"
#include "proto/trace_text.h"
#include "workers/batch_plan.h"

namespace parley {
namespace {

// Codes that only mean something within a process become what a client can react to.
Errc for_the_wire(Errc code) {
  const bool local =
      static_cast<std::uint16_t>(code) >= static_cast<std::uint16_t>(Errc::disconnected);
  if (!local) return code;
  return is_retryable(code) ? Errc::retry_later : Errc::internal;
}

bool is_our_failure(Errc code) {
  return code == Errc::retry_later || code == Errc::storage_full ||
         for_the_wire(code) == Errc::internal;
}

// One line for a group, whatever its size: when the database is away, every request fails alike.
void log_failures(std::uint16_t verb, const std::vector<const BusRequest*>& requests,
                  const std::vector<Result<Answer>>& answers) {
  std::size_t failures = 0;
  std::optional<std::size_t> worst;
  for (std::size_t i = 0; i < answers.size(); ++i) {
    if (answers[i] || !is_our_failure(answers[i].error().code)) continue;
    if (!worst || answers[*worst].error().code != Errc::internal) worst = i;
    ++failures;
  }
  if (!worst) return;
  const Error& error = answers[*worst].error();
  const auto info = verb_info(verb);
  const auto write = for_the_wire(error.code) == Errc::internal ? log::error : log::warn;
  write("request.failed", {{"verb", info ? info->name : "?"},
                           {"requests", failures},
                           {"code", error.code},
                           {"detail", error.detail},
                           {"trace", trace_text(requests[*worst]->header.trace)}});
}

bool has_expired(const Job& job, Instant now) {
  return now - job.arrived >= std::chrono::milliseconds(job.request.header.ttl_ms);
}

}  // namespace

Answered reply_to(BusRequest request, Result<Answer> answer) {
  Answered answered;
  const EnvelopeHeader& asked = request.header;
  answered.header.kind = EnvelopeKind::reply;
  answered.header.verb = asked.verb;
  answered.header.key = asked.key;
  answered.header.trace = asked.trace;
  if (answer) {
    answered.header.flags = answer->flags;
    answered.header.user = answer->user;
    answered.header.device = answer->device;
    answered.header.generation = answer->generation;
    answered.header.target = answer->target;
    answered.body = std::move(answer->body);
  } else {
    answered.header.error = static_cast<std::uint16_t>(for_the_wire(answer.error().code));
    answered.header.retry_after_ms = answer.error().retry_after_ms;
  }
  request.body.clear();
  answered.request = std::move(request);
  return answered;
}

ServiceSet::ServiceSet(std::vector<Service> services, Metrics& metrics)
    : services_(std::move(services)),
      expired_(metrics.counter("parley_worker_expired_total",
                               "Requests that were too old when a thread was free")) {
  for (const Service& service : services_) PARLEY_ASSERT(service.missing_verbs().empty());
  const auto counter = [&](std::string_view verb, const char* result) {
    return metrics.counter("parley_worker_requests_total", "Requests answered",
                           {{"verb", std::string(verb)}, {"result", result}});
  };
#define PARLEY_VERB(service, name, number, caller, key, body_max)         \
  if (service_with(number) != nullptr)                                    \
    counters_.emplace(number, Counters{counter(#service "." #name, "ok"), \
                                       counter(#service "." #name, "failed")});
#include "proto/verbs.def"
#undef PARLEY_VERB
}

std::map<std::uint16_t, Lane> ServiceSet::lanes() const {
  std::map<std::uint16_t, Lane> lanes;
  for (const auto& [verb, counters] : counters_) {
    for (const Service& service : services_) {
      if (const auto lane = service.lane_of(verb)) lanes.emplace(verb, *lane);
    }
  }
  return lanes;
}

Service* ServiceSet::service_with(std::uint16_t verb) {
  for (Service& service : services_) {
    if (service.lane_of(verb)) return &service;
  }
  return nullptr;
}

void ServiceSet::process(std::vector<Job> batch, const Clock& clock, const Emit& emit) {
  for (const VerbGroup& group : plan_batch(batch)) {
    const Service* service = service_with(group.verb);
    Places left = group.members;
    const std::size_t slice = service ? service->slice_of(group.verb) : left.size();
    while (!left.empty()) {
      const Places part = left.first(std::min(slice, left.size()));
      left = left.subspan(part.size());
      const Moment moment = clock();
      const auto in_time = refuse_late(batch, part, moment.now, emit);
      if (!in_time.empty()) emit(run_part(group.verb, batch, in_time, moment));
    }
  }
}

// Returns those that are not late.
std::vector<std::size_t> ServiceSet::refuse_late(std::vector<Job>& batch, Places part, Instant now,
                                                 const Emit& emit) {
  std::vector<std::size_t> in_time;
  in_time.reserve(part.size());
  Finished late;
  for (const std::size_t i : part) {
    if (!has_expired(batch[i], now)) {
      in_time.push_back(i);
      continue;
    }
    late.answers.push_back(
        reply_to(std::move(batch[i].request), fail(Errc::retry_later, "expired")));
  }
  if (late.answers.empty()) return in_time;
  expired_.add(late.answers.size());
  emit(std::move(late));
  return in_time;
}

Finished ServiceSet::run_part(std::uint16_t verb, std::vector<Job>& batch, Places part,
                              const Moment& moment) {
  std::vector<const BusRequest*> requests;
  requests.reserve(part.size());
  for (const std::size_t i : part) requests.push_back(&batch[i].request);

  Outcome outcome;
  if (Service* service = service_with(verb)) {
    outcome = service->run(verb, requests, moment);
    count(verb, outcome.answers);
    log_failures(verb, requests, outcome.answers);
  } else {
    outcome.answers.assign(part.size(), fail(Errc::unsupported, "no such verb"));
  }

  Finished finished;
  finished.answers.reserve(part.size());
  for (std::size_t j = 0; j < part.size(); ++j)
    finished.answers.push_back(
        reply_to(std::move(batch[part[j]].request), std::move(outcome.answers[j])));
  finished.deliveries = std::move(outcome.deliveries);
  return finished;
}

void ServiceSet::count(std::uint16_t verb, const std::vector<Result<Answer>>& answers) {
  const auto ok = static_cast<std::uint64_t>(
      std::ranges::count_if(answers, [](const auto& answer) { return answer.has_value(); }));
  const Counters& counters = counters_.at(verb);
  if (ok > 0) counters.ok.add(ok);
  if (ok < answers.size()) counters.failed.add(answers.size() - ok);
}

}  // namespace parley
