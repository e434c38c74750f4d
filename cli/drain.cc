#include "cli/drain.h"

#include <poll.h>

#include <cstdio>

#include "base/process.h"
#include "cli/drain_plan.h"
#include "cli/status.h"

namespace parley {
namespace {

constexpr Duration answer_limit = 2s;
// A process that is started again is away for 100 ms and more.
constexpr Duration look_every = 20ms;
constexpr Duration look_limit = 500ms;  // a broker that has ended never answers

std::string listed(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

// Asks each broker of the plan; says who did what. False: nobody could tell it.
bool tell(const Endpoints& brokers, const DrainPlan& plan, const std::string& name) {
  wire::AdminRequest request;
  auto& drain = *request.mutable_drain();
  if (plan.kind == DrainPlan::Kind::peer) drain.set_peer(name);
  const auto replies = ask_admin(brokers, request, answer_limit);
  std::vector<std::string> told;
  for (std::size_t i = 0; i < replies.size(); ++i) {
    if (!replies[i]) complain("drain", replies[i].error());
    else if (replies[i]->count() > 0) told.push_back(plan.at[i].broker);
  }
  if (told.empty()) {
    std::fprintf(stderr, "parley drain: no broker could tell %s\n", name.c_str());
    return false;
  }
  std::printf("%s was told to drain by %s\n", name.c_str(), listed(told).c_str());
  return true;
}

// Looks until `reached` says so. False: not in time.
template <typename Reached>
bool wait_until(const Endpoints& brokers, Instant deadline, Reached reached) {
  while (!reached(ask_brokers(brokers, look_limit))) {
    if (monotonic_now() >= deadline) return false;
    poll(nullptr, 0, static_cast<int>(to_ms(look_every)));
  }
  return true;
}

int wait_for_end(const Endpoints& brokers, const DrainPlan& plan, const DrainOptions& options) {
  const char* const name = options.name.c_str();
  const Instant deadline = monotonic_now() + options.wait;
  std::vector<std::string> left;
  if (!wait_until(brokers, deadline, [&](const auto& answers) {
        return (left = still_there(plan, options.name, answers)).empty();
      })) {
    std::fprintf(stderr, "parley drain: %s has not ended: it is still known to %s\n", name,
                 listed(left).c_str());
    return exit_runtime;
  }
  std::printf("%s has drained\n", name);
  std::fflush(stdout);
  if (options.who.data.empty()) return exit_ok;
  if (!wait_until(brokers, deadline, [&](const auto& answers) {
        return is_back(plan, options.name, answers);
      })) {
    std::fprintf(stderr, "parley drain: %s is not back\n", name);
    return exit_runtime;
  }
  std::printf("%s is back\n", name);
  return exit_ok;
}

}  // namespace

int run_drain(const DrainOptions& options) {
  const auto brokers = brokers_of(options.who);
  if (!brokers) return complain("drain", brokers.error());
  const auto answers = ask_brokers(*brokers, answer_limit);
  for (const BrokerAnswer& answer : answers)
    if (!answer.status) complain("drain", answer.status.error());
  const auto plan = plan_drain(answers, options.name);
  if (!plan) return complain("drain", plan.error());
  if (!plan->last_of.empty() && options.last_one == DrainOptions::LastOne::refuse) {
    std::fprintf(stderr, "parley drain: %s is the last of: %s; --force drains it all the same\n",
                 options.name.c_str(), listed(plan->last_of).c_str());
    return exit_runtime;
  }
  Endpoints concerned;
  for (const DrainPlan::At& at : plan->at) concerned.push_back(brokers->at(at.place));
  if (!tell(concerned, *plan, options.name)) return exit_runtime;
  std::fflush(stdout);
  return options.wait > Duration::zero() ? wait_for_end(concerned, *plan, options) : exit_ok;
}

}  // namespace parley
