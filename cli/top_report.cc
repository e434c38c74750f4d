#include "cli/top_report.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/report_text.h"
#include "cli/troubles.h"

namespace parley {
namespace {

using Lines = std::vector<std::string>;

std::string summary(const Sample& now, const Load& load) {
  double requests = 0, answers = 0, deliveries = 0;
  std::uint64_t queued = 0;
  for (const ServiceLoad& s : load.services) {
    requests += s.requests;
    answers += s.answers;
    queued += s.queued;
  }
  for (const PeerLoad& p : load.peers) deliveries += p.deliveries;
  const auto peers = [&](wire::PeerRole role) {
    return static_cast<std::uint64_t>(std::ranges::count(load.peers, role, &PeerLoad::role));
  };
  const auto brokers = static_cast<std::uint64_t>(std::ranges::count_if(
      now.answers, [](const BrokerAnswer& answer) { return answer.status.has_value(); }));
  std::string line = fmt::format("{}, {}, {}", counted(brokers, "broker"),
                                 counted(peers(wire::PEER_ROLE_GATEWAY), "gateway"),
                                 counted(peers(wire::PEER_ROLE_WORKER), "worker"));
  if (const auto business = peers(wire::PEER_ROLE_BUSINESS); business > 0)
    line += fmt::format(", {}", counted(business, "business system"));
  return line + fmt::format("; {} requests/s, {} answers/s, {} deliveries/s; {} waiting",
                            rate_text(requests), rate_text(answers), rate_text(deliveries),
                            queued);
}

void add_services(const Load& load, Lines& out) {
  constexpr auto line = "{:<16}{:>8}{:>12}{:>11}{:>9}{:>10}{:>8}{:>10}{:>15}{:>10}";
  out.push_back(fmt::format(line, "service", "workers", "requests/s", "answers/s", "waiting",
                            "bytes", "busy/s", "waited/s", "redelivered/s", "poisoned"));
  for (const ServiceLoad& s : load.services)
    out.push_back(fmt::format(line, s.name, s.workers, rate_text(s.requests),
                              rate_text(s.answers), s.queued, bytes_text(s.queued_bytes),
                              rate_text(s.busy), rate_text(s.waits), rate_text(s.redelivered),
                              s.poisoned));
}

std::string used(std::uint64_t messages, std::uint64_t window) {
  return window == 0 ? "-" : fmt::format("{}/{}", messages, window);
}

void add_peers(const Load& load, Lines& out) {
  constexpr auto line = "{:<16}{:<10}{:>12}{:>14}{:>13}{:>9}{:>14}{:>9}{:>10}";
  out.push_back(fmt::format(line, "peer", "role", "requests/s", "deliveries/s", "unanswered",
                            "waiting", "undelivered", "drops/s", "silent"));
  for (const PeerLoad& p : load.peers)
    out.push_back(fmt::format(line, p.name, role_name(p.role), rate_text(p.requests),
                              rate_text(p.deliveries), used(p.outstanding, p.credit), p.waiting,
                              used(p.undelivered, p.window), rate_text(p.dropped),
                              fmt::format("{} ms", p.silent_ms)));
}

}  // namespace

std::string top_report(const Sample& before, const Sample& now, std::size_t rows) {
  const Load load = load_between(before, now);
  Lines lines{summary(now, load)};
  const Lines wrong = troubles(before, now);
  for (const std::string& trouble : wrong) lines.push_back("! " + trouble);
  if (wrong.empty()) lines.emplace_back("nothing is wrong");
  lines.emplace_back();
  add_services(load, lines);
  lines.emplace_back();
  add_peers(load, lines);
  if (rows > 0 && lines.size() > rows) {
    const std::size_t left_out = lines.size() - rows + 1;
    lines.resize(rows - 1);
    lines.push_back(fmt::format("… {} more", counted(left_out, "line")));
  }
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

}  // namespace parley
