#include "cli/status_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/report_text.h"

namespace parley {
namespace {

using wire::BrokerStatus;

std::string heading(const BrokerStatus& status) {
  return fmt::format("{}{}, up for {}; holds {} ({}), {} as poison, {} late answers\n",
                     status.name(), status.draining() ? " (draining)" : "",
                     duration_text(status.uptime_ms()),
                     counted(status.held(), "request"), bytes_text(status.held_bytes()),
                     status.parked(), status.late_replies());
}

void add_services(const BrokerStatus& status, std::string& out) {
  constexpr auto line = "  {:<14}{:>8}{:>9}{:>9}{:>11}{:>11}{:>7}{:>8}{:>13}{:>10}{:>10}\n";
  out += fmt::format(line, "service", "workers", "queued", "bytes", "requests", "answered", "busy",
                     "waited", "redelivered", "poisoned", "hint");
  for (const auto& s : status.services())
    out += fmt::format(line, s.name(), s.workers(), s.queued(), bytes_text(s.queued_bytes()),
                       s.requests(), s.answered(), s.busy(), s.credit_exhausted(), s.redelivered(),
                       s.poisoned(), fmt::format("{} ms", s.retry_hint_ms()));
}

// "5/1024": how much of a window is used.
std::string used(std::uint64_t messages, std::uint64_t window) {
  return window == 0 ? "-" : fmt::format("{}/{}", messages, window);
}

std::string remarks(const BrokerStatus::Peer& peer) {
  std::string text;
  for (const std::string& service : peer.services()) text += (text.empty() ? "  " : " ") + service;
  if (peer.encrypted()) text += " (encrypted)";
  if (peer.draining()) text += " (draining)";
  return text;
}

void add_peers(const BrokerStatus& status, std::string& out) {
  constexpr auto line = "  {:<14}{:<9}{:>12}{:>9}{:>9}{:>11}{:>12}{:>13}{:>9}{:>9}{:>10}{}\n";
  out += fmt::format(line, "peer", "role", "unanswered", "bytes", "waiting", "requests",
                     "deliveries", "undelivered", "waiting", "dropped", "silent", "  serves");
  for (const auto& p : status.peers())
    out += fmt::format(line, p.name(), role_name(p.role()),
                       used(p.outstanding_messages(), p.credit_messages()),
                       bytes_text(p.outstanding_bytes()), p.waiting(), p.requests(),
                       p.deliveries(), used(p.undelivered_messages(), p.delivery_messages()),
                       p.deliveries_waiting(), p.deliveries_dropped(),
                       fmt::format("{} ms", p.silent_ms()), remarks(p));
}

nlohmann::json json_of(const BrokerStatus::Peer& p) {
  return {{"name", p.name()},
          {"role", role_name(p.role())},
          {"services", std::vector<std::string>(p.services().begin(), p.services().end())},
          {"outstanding_messages", p.outstanding_messages()},
          {"outstanding_bytes", p.outstanding_bytes()},
          {"credit_messages", p.credit_messages()},
          {"credit_bytes", p.credit_bytes()},
          {"waiting", p.waiting()},
          {"credit_exhausted", p.credit_exhausted()},
          {"requests", p.requests()},
          {"deliveries", p.deliveries()},
          {"undelivered_messages", p.undelivered_messages()},
          {"delivery_messages", p.delivery_messages()},
          {"deliveries_waiting", p.deliveries_waiting()},
          {"deliveries_dropped", p.deliveries_dropped()},
          {"silent_ms", p.silent_ms()},
          {"draining", p.draining()},
          {"encrypted", p.encrypted()},
          {"boot", fmt::format("{:016x}", p.boot())}};
}

nlohmann::json json_of(const BrokerStatus::Service& s) {
  return {{"name", s.name()},
          {"workers", s.workers()},
          {"queued", s.queued()},
          {"queued_bytes", s.queued_bytes()},
          {"requests", s.requests()},
          {"answered", s.answered()},
          {"busy", s.busy()},
          {"credit_exhausted", s.credit_exhausted()},
          {"redelivered", s.redelivered()},
          {"poisoned", s.poisoned()},
          {"retry_hint_ms", s.retry_hint_ms()}};
}

nlohmann::json json_of(const BrokerAnswer& answer) {
  nlohmann::json out{{"endpoint", answer.endpoint}};
  if (!answer.status) {
    out["error"] = answer.status.error().detail;
    return out;
  }
  const BrokerStatus& status = *answer.status;
  out["name"] = status.name();
  out["boot"] = fmt::format("{:016x}", status.boot());
  out["uptime_ms"] = status.uptime_ms();
  out["draining"] = status.draining();
  out["held"] = status.held();
  out["held_bytes"] = status.held_bytes();
  out["parked"] = status.parked();
  out["late_replies"] = status.late_replies();
  out["services"] = nlohmann::json::array();
  for (const auto& service : status.services()) out["services"].push_back(json_of(service));
  out["peers"] = nlohmann::json::array();
  for (const auto& peer : status.peers()) out["peers"].push_back(json_of(peer));
  return out;
}

}  // namespace

std::string status_table(const std::vector<BrokerAnswer>& answers) {
  std::string out;
  for (const BrokerAnswer& answer : answers) {
    if (!out.empty()) out += '\n';
    if (!answer.status) {
      out += answer.status.error().detail + "\n";
      continue;
    }
    out += heading(*answer.status);
    add_services(*answer.status, out);
    add_peers(*answer.status, out);
  }
  return out;
}

std::string status_json(const std::vector<BrokerAnswer>& answers) {
  nlohmann::json brokers = nlohmann::json::array();
  for (const BrokerAnswer& answer : answers) brokers.push_back(json_of(answer));
  // Names come from whoever registered.
  constexpr auto replace = nlohmann::json::error_handler_t::replace;
  return nlohmann::json{{"brokers", brokers}}.dump(2, ' ', false, replace) + "\n";
}

std::vector<std::string> missing_peers(const std::vector<BrokerAnswer>& answers,
                                       const std::vector<std::string>& peers) {
  const auto knows = [](const BrokerAnswer& answer, const std::string& name) {
    if (!answer.status) return false;
    const auto& known = answer.status->peers();
    return std::any_of(known.begin(), known.end(), [&](const BrokerStatus::Peer& peer) {
      return peer.name() == name && !peer.draining();
    });
  };
  std::vector<std::string> missing;
  for (const std::string& name : peers)
    if (!std::all_of(answers.begin(), answers.end(),
                     [&](const BrokerAnswer& answer) { return knows(answer, name); }))
      missing.push_back(name);
  return missing;
}

}  // namespace parley
