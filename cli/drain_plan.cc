#include "cli/drain_plan.h"

#include <fmt/format.h>

#include <algorithm>

namespace parley {
namespace {

using wire::BrokerStatus;
using Peer = BrokerStatus::Peer;

const Peer* peer_named(const BrokerStatus& status, const std::string& name) {
  const auto found = std::ranges::find_if(status.peers(),
                                          [&](const Peer& peer) { return peer.name() == name; });
  return found != status.peers().end() ? &*found : nullptr;
}

bool serves(const Peer& peer, const std::string& service) {
  return std::ranges::find(peer.services(), service) != peer.services().end();
}

// Whether somebody else, who stays, fits.
template <typename Fits>
bool has_other(const BrokerStatus& status, const Peer& leaving, Fits fits) {
  return std::ranges::any_of(status.peers(), [&](const Peer& peer) {
    return peer.name() != leaving.name() && !peer.draining() && fits(peer);
  });
}

void add_once(std::vector<std::string>& words, std::string word) {
  if (std::ranges::find(words, word) == words.end()) words.push_back(std::move(word));
}

void find_last_of(const BrokerStatus& status, const Peer& leaving, DrainPlan& plan) {
  for (const std::string& service : leaving.services())
    if (!has_other(status, leaving, [&](const Peer& peer) { return serves(peer, service); }))
      add_once(plan.last_of, "service " + service);
  const auto is_gateway = [](const Peer& peer) { return peer.role() == wire::PEER_ROLE_GATEWAY; };
  if (is_gateway(leaving) && !has_other(status, leaving, is_gateway))
    add_once(plan.last_of, "gateways");
}

DrainPlan plan_for_broker(const std::vector<BrokerAnswer>& answers, std::size_t leaving) {
  const BrokerStatus& status = *answers[leaving].status;
  DrainPlan plan{.kind = DrainPlan::Kind::broker,
                 .at = {{leaving, status.name(), status.boot()}}};
  const bool others = std::ranges::any_of(answers, [&](const BrokerAnswer& answer) {
    return answer.status && answer.status->name() != status.name() && !answer.status->draining();
  });
  if (!others) plan.last_of = {"brokers"};
  for (const Peer& peer : status.peers()) plan.peers.push_back(peer.name());
  return plan;
}

}  // namespace

Result<DrainPlan> plan_drain(const std::vector<BrokerAnswer>& answers, const std::string& name) {
  DrainPlan plan;
  for (std::size_t i = 0; i < answers.size(); ++i) {
    if (!answers[i].status) continue;
    const BrokerStatus& status = *answers[i].status;
    if (status.name() == name) return plan_for_broker(answers, i);
    const Peer* peer = peer_named(status, name);
    if (peer == nullptr) continue;
    plan.at.push_back({i, status.name(), peer->boot()});
    find_last_of(status, *peer, plan);
  }
  if (plan.at.empty()) return fail(Errc::not_found, "no broker knows " + name);
  return plan;
}

std::vector<std::string> still_there(const DrainPlan& plan, const std::string& name,
                                     const std::vector<BrokerAnswer>& answers) {
  std::vector<std::string> brokers;
  for (std::size_t i = 0; i < plan.at.size(); ++i) {
    if (!answers[i].status) continue;
    const Peer* peer = peer_named(*answers[i].status, name);
    const bool lives = plan.kind == DrainPlan::Kind::broker
                           ? answers[i].status->boot() == plan.at[i].boot
                           : peer != nullptr && peer->boot() == plan.at[i].boot;
    if (lives) brokers.push_back(plan.at[i].broker);
  }
  return brokers;
}

bool is_back(const DrainPlan& plan, const std::string& name,
             const std::vector<BrokerAnswer>& answers) {
  if (!still_there(plan, name, answers).empty()) return false;
  const bool is_peer = plan.kind == DrainPlan::Kind::peer;
  return missing_peers(answers, is_peer ? std::vector{name} : plan.peers).empty();
}

}  // namespace parley
