#include "workers/courier.h"

#include <algorithm>
#include <iterator>
#include <map>

#include "base/failpoint.h"
#include "base/log.h"
#include "proto/delivery.h"

namespace parley {
namespace {

constexpr std::size_t suspects_max = 1'024;
constexpr std::size_t stale_users_max = 4'096;  // of one suspect, between two questions
constexpr Duration ask_again_after = 1s;

PackedDelivery report_wanted(InstanceId gateway, std::uint64_t lane, Way way) {
  PackedDelivery message{gateway, lane, {}, way};
  DeliveryItem item;
  item.notice = static_cast<std::uint16_t>(Notice::route_report_wanted);
  append_delivery(item, message.items);
  return message;
}

template <typename... Cases>
struct Visitor : Cases... {
  using Cases::operator()...;
};

std::size_t bytes_of(const std::vector<Delivery>& deliveries) {
  std::size_t bytes = 0;
  for (const Delivery& delivery : deliveries)
    bytes += sizeof delivery + delivery.users.size() * sizeof(UserId) + delivery.body.size();
  return bytes;
}

}  // namespace

std::size_t bytes_of(const CourierTask& task) {
  return std::visit(Visitor{[](const Job& job) { return bytes_of(job); },
                            [](const Arrivals& arrivals) {
                              return sizeof arrivals + arrivals.answers.size() * sizeof(Answered);
                            },
                            [](const std::vector<Delivery>& all) { return bytes_of(all); },
                            [](const Unreachable& unreachable) {
                              return sizeof unreachable + unreachable.items.size();
                            }},
                    task);
}

Courier::Courier(RouteStore& routes, ServiceSet services, std::size_t brokers, Metrics& metrics)
    : routes_(routes),
      services_(std::move(services)),
      lanes_(lane_count(brokers)),
      suspects_(suspects_max),
      broadcasts_(
          metrics.counter("parley_worker_broadcasts_total",
                          "Batches of deliveries sent to every gateway for want of routes")),
      unreachables_(metrics.counter("parley_worker_unreachable_total",
                                    "Deliveries to gateways that the bus does not know")) {}

void Courier::work(std::vector<CourierTask>& batch, const Moment& moment, const Emit& emit) {
  std::vector<Job> jobs;
  std::vector<Answered> arrived;
  std::vector<Delivery> deliveries;
  for (CourierTask& task : batch) {
    std::visit(
        Visitor{[&](Job& job) { jobs.push_back(std::move(job)); },
                [&](Arrivals& arrivals) {
                  std::ranges::move(arrivals.answers, std::back_inserter(arrived));
                },
                [&](std::vector<Delivery>& all) {
                  std::ranges::move(all, std::back_inserter(deliveries));
                },
                [&](Unreachable& unreachable) { forget_route(unreachable, moment.now, emit); }},
        task);
  }
  // Reports after stale routes: a route that is left over corrects itself, one that is missing does
  // not.
  if (!jobs.empty()) answer(std::move(jobs), moment, emit);
  if (!arrived.empty()) admit(std::move(arrived), emit);
  if (!deliveries.empty()) deliver(deliveries, moment.now, emit);
}

void Courier::admit(std::vector<Answered> arrived, const Emit& emit) {
  std::map<InstanceId, std::vector<UserId>> users_at;
  for (const Answered& answered : arrived)
    users_at[answered.request.header.id.gateway].push_back(answered.header.user);
  for (const auto& [gateway, users] : users_at) {
    // The gateway reports them, too, and repeats that until it is stored.
    if (const Status added = routes_.add(gateway, users); !added)
      log::debug("routes.add_failed", {{"detail", added.error().detail}});
  }
  emit({std::move(arrived), {}});
}

void Courier::answer(std::vector<Job> jobs, const Moment& moment, const Emit& emit) {
  services_.process(
      std::move(jobs), [&] { return moment; },
      [&](Finished finished) {
        PARLEY_ASSERT(finished.deliveries.empty());
        emit({std::move(finished.answers), {}});
      });
}

void Courier::deliver(const std::vector<Delivery>& deliveries, Instant now, const Emit& emit) {
  const Routes* routes = look_up(deliveries, now, emit);
  if (routes == nullptr) broadcasts_.add();
  emit({{}, pack(deliveries, routes, lanes_)});
}

const Routes* Courier::look_up(const std::vector<Delivery>& deliveries, Instant now,
                               const Emit& emit) {
  const std::vector<UserId> users = users_of(deliveries);
  found_ = {};
  if (users.empty()) return &found_;
  auto result = failpoint(Failpoint::wk_before_route_lookup) == FailAction::fail
                    ? Result<Routes>(fail(Errc::retry_later, "failpoint"))
                    : routes_.lookup(users);
  if (!result) {
    repair(RouteRepair::Failed{}, now, emit);
    return nullptr;
  }
  found_ = *std::move(result);
  if (!found_.emptied) {
    repair(RouteRepair::Complete{}, now, emit);
    return &found_;
  }
  repair(RouteRepair::Emptied{*found_.emptied}, now, emit);
  return nullptr;
}

void Courier::repair(RouteRepair::Lookup lookup, Instant now, const Emit& emit) {
  switch (repair_.after(lookup, now)) {
    case RouteRepair::Action::nothing: return;
    case RouteRepair::Action::ask_gateways:
      log::warn("routes.report_wanted");
      emit({{}, {report_wanted(every_gateway, 0, Way::by_every_broker)}});
      return;
    case RouteRepair::Action::mark_refilled:
      // Should it fail, the next lookup is incomplete again, and all this happens once more.
      if (const Status marked = routes_.mark_refilled(*found_.emptied); !marked)
        log::warn("routes.mark_failed", {{"detail", marked.error().detail}});
      return;
  }
}

void Courier::forget_route(const Unreachable& unreachable, Instant now, const Emit& emit) {
  unreachables_.add();
  const auto items = decode_deliveries(unreachable.items);
  if (!items) {
    log::warn("routes.bad_unreachable", {{"detail", items.error().detail}});
    return;
  }
  std::vector<UserId> users;
  for (const DeliveryItem& item : *items)
    users.insert(users.end(), item.users.begin(), item.users.end());
  if (users.empty()) return;
  Suspect* suspect = suspects_.find(unreachable.gateway);
  if (suspect != nullptr && now - suspect->asked < ask_again_after) {
    // Those for whom there is no room are found again by the next delivery.
    const std::size_t room = stale_users_max - std::min(stale_users_max, suspect->stale.size());
    users.resize(std::min(users.size(), room));
    std::ranges::copy(users, std::back_inserter(suspect->stale));
    return;
  }
  if (suspect != nullptr) std::ranges::copy(suspect->stale, std::back_inserter(users));
  suspects_.put(unreachable.gateway, {.asked = now});
  std::ranges::sort(users);
  users.erase(std::ranges::unique(users).begin(), users.end());
  // A stale route that stays is found again by the next delivery.
  if (const Status removed = routes_.remove(unreachable.gateway, users); !removed)
    log::warn("routes.remove_failed", {{"detail", removed.error().detail}});
  // The gateway may live: another broker knows it, or this one, just restarted, knows it by now.
  // Asked after the removal it reports its users, and the routes are back.
  std::vector<PackedDelivery> questions;
  for (std::uint64_t lane = 0; lane < lanes_; ++lane)
    questions.push_back(report_wanted(unreachable.gateway, lane, Way::by_key));
  emit({{}, std::move(questions)});
}

}  // namespace parley
