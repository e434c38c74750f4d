#include "cli/poison.h"

#include <cstdio>
#include <optional>

#include "base/process.h"
#include "cli/poison_report.h"

namespace parley {
namespace {

constexpr Duration answer_limit = 2s;

// A broker, and what it is asked.
struct Errand {
  BusEndpoint endpoint;
  std::string broker;
  std::vector<std::uint64_t> tickets;  // none: all
};

// Those brokers that are concerned; complains of those that do not answer or do not exist.
struct Errands {
  std::vector<Errand> list;
  bool complete = true;
};

Errands errands_for(const Endpoints& endpoints, Tickets wanted) {
  const bool all = wanted.empty();
  Errands errands;
  const auto statuses = ask_status(endpoints, answer_limit);
  for (std::size_t i = 0; i < endpoints.size(); ++i) {
    if (!statuses[i]) {
      errands.complete = false;
      complain("poison", statuses[i].error());
      continue;
    }
    const auto mine = wanted.extract(statuses[i]->name());
    if (!all && mine.empty()) continue;
    errands.list.push_back({endpoints[i], statuses[i]->name(),
                            all ? std::vector<std::uint64_t>() : mine.mapped()});
  }
  for (const auto& [broker, tickets] : wanted) {
    errands.complete = false;
    complain("poison", Error{Errc::not_found, "there is no broker " + broker, 0});
  }
  return errands;
}

std::optional<wire::AdminReply> ask(const Errand& errand, const wire::AdminRequest& request) {
  auto replies = ask_admin({errand.endpoint}, request, answer_limit);
  if (replies.front()) return *std::move(replies.front());
  complain("poison", replies.front().error());
  return std::nullopt;
}

int list(const Errands& errands) {
  wire::AdminRequest request;
  request.mutable_poison_list();
  bool complete = errands.complete;
  std::vector<PoisonAt> parked;
  for (const Errand& errand : errands.list) {
    const auto reply = ask(errand, request);
    complete = complete && reply;
    if (reply) parked.push_back({errand.broker, {reply->poison().begin(), reply->poison().end()}});
  }
  std::fputs(poison_table(parked).c_str(), stdout);
  return complete ? exit_ok : exit_runtime;
}

wire::AdminRequest request_for(PoisonOptions::What what, const Errand& errand) {
  wire::AdminRequest request;
  auto& tickets = what == PoisonOptions::What::retry
                      ? *request.mutable_poison_retry()->mutable_tickets()
                      : *request.mutable_poison_drop()->mutable_tickets();
  tickets.Assign(errand.tickets.begin(), errand.tickets.end());
  return request;
}

int retry_or_drop(const Errands& errands, PoisonOptions::What what) {
  const char* const done = what == PoisonOptions::What::retry ? "retried" : "dropped";
  bool complete = errands.complete;
  for (const Errand& errand : errands.list) {
    const auto reply = ask(errand, request_for(what, errand));
    complete = complete && reply && reply->count() >= errand.tickets.size();
    if (!reply) continue;
    std::printf("%s: %u %s", errand.broker.c_str(), reply->count(), done);
    if (reply->count() < errand.tickets.size())
      std::printf(", %zu are not there", errand.tickets.size() - reply->count());
    std::printf("\n");
  }
  return complete ? exit_ok : exit_runtime;
}

}  // namespace

int run_poison(const PoisonOptions& options) {
  auto tickets = parse_tickets(options.tickets);
  if (!tickets) {
    complain("poison", tickets.error());
    return exit_usage;
  }
  const auto brokers = brokers_of(options.who);
  if (!brokers) return complain("poison", brokers.error());
  const Errands errands = errands_for(*brokers, *std::move(tickets));
  if (options.what == PoisonOptions::What::list) return list(errands);
  return retry_or_drop(errands, options.what);
}

}  // namespace parley
