#include "cli/status_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace parley {
namespace {

using wire::BrokerStatus;

const char* role_name(wire::PeerRole role) {
  switch (role) {
    case wire::PEER_ROLE_GATEWAY: return "gateway";
    case wire::PEER_ROLE_WORKER: return "worker";
    default: return "?";
  }
}

std::string duration_text(std::uint64_t ms) {
  const std::uint64_t s = ms / 1000;
  if (s < 60) return fmt::format("{} s", s);
  if (s < 3600) return fmt::format("{} min {} s", s / 60, s % 60);
  return fmt::format("{} h {} min", s / 3600, s / 60 % 60);
}

std::string bytes_text(std::uint64_t bytes) {
  if (bytes < 10'000) return fmt::format("{} B", bytes);
  if (bytes < 10'000'000) return fmt::format("{} KiB", bytes >> 10);
  return fmt::format("{} MiB", bytes >> 20);
}

std::string services_of(const BrokerStatus::Peer& peer) {
  std::string text;
  for (const std::string& service : peer.services()) text += (text.empty() ? "" : " ") + service;
  return text;
}

void add_services(const BrokerStatus& status, std::string& out) {
  out += fmt::format("  {:<12}{:>8}{:>8}{:>10}{:>12}{:>8}{:>13}{:>10}\n", "service", "workers",
                     "queued", "bytes", "requests", "busy", "redelivered", "poisoned");
  for (const auto& s : status.services())
    out += fmt::format("  {:<12}{:>8}{:>8}{:>10}{:>12}{:>8}{:>13}{:>10}\n", s.name(), s.workers(),
                       s.queued(), bytes_text(s.queued_bytes()), s.requests(), s.busy(),
                       s.redelivered(), s.poisoned());
}

void add_peers(const BrokerStatus& status, std::string& out) {
  out += fmt::format("  {:<12}{:<9}{:>12}{:>13}{:>10}{:>12}{:>11}  {}\n", "peer", "role",
                     "unanswered", "credit", "bytes", "requests", "silent", "serves");
  for (const auto& p : status.peers()) {
    const bool worker = p.role() == wire::PEER_ROLE_WORKER;
    out += fmt::format("  {:<12}{:<9}{:>12}{:>13}{:>10}{:>12}{:>8} ms  {}{}\n", p.name(),
                       role_name(p.role()), p.outstanding_messages(),
                       worker ? fmt::format("{} msg", p.credit_messages()) : "-",
                       worker ? bytes_text(p.credit_bytes()) : "", p.requests(), p.silent_ms(),
                       services_of(p), p.draining() ? " (draining)" : "");
  }
}

nlohmann::json json_of(const BrokerStatus::Peer& p) {
  return {{"name", p.name()},
          {"role", role_name(p.role())},
          {"services", std::vector<std::string>(p.services().begin(), p.services().end())},
          {"outstanding_messages", p.outstanding_messages()},
          {"outstanding_bytes", p.outstanding_bytes()},
          {"credit_messages", p.credit_messages()},
          {"credit_bytes", p.credit_bytes()},
          {"silent_ms", p.silent_ms()},
          {"draining", p.draining()},
          {"requests", p.requests()}};
}

nlohmann::json json_of(const BrokerStatus::Service& s) {
  return {{"name", s.name()},         {"workers", s.workers()},
          {"queued", s.queued()},     {"queued_bytes", s.queued_bytes()},
          {"requests", s.requests()}, {"busy", s.busy()},
          {"redelivered", s.redelivered()}, {"poisoned", s.poisoned()}};
}

nlohmann::json json_of(const BrokerAnswer& answer) {
  nlohmann::json out{{"endpoint", answer.endpoint}};
  if (!answer.status) {
    out["error"] = answer.status.error().detail;
    return out;
  }
  out["name"] = answer.status->name();
  out["uptime_ms"] = answer.status->uptime_ms();
  out["late_replies"] = answer.status->late_replies();
  out["services"] = nlohmann::json::array();
  for (const auto& service : answer.status->services()) out["services"].push_back(json_of(service));
  out["peers"] = nlohmann::json::array();
  for (const auto& peer : answer.status->peers()) out["peers"].push_back(json_of(peer));
  return out;
}

}  // namespace

std::string status_table(const std::vector<BrokerAnswer>& answers) {
  std::string out;
  for (const BrokerAnswer& answer : answers) {
    if (!out.empty()) out += '\n';
    if (!answer.status) {
      out += fmt::format("{}: {}\n", answer.endpoint, answer.status.error().detail);
      continue;
    }
    const BrokerStatus& status = *answer.status;
    out += fmt::format("{}, up for {}, {} late answers\n", status.name(),
                       duration_text(status.uptime_ms()), status.late_replies());
    add_services(status, out);
    add_peers(status, out);
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
