#include "cli/poison_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "cli/report_text.h"
#include "proto/trace_text.h"

namespace parley {
namespace {

std::string ticket_text(const std::string& broker, std::uint64_t ticket) {
  return fmt::format("{}:{}", broker, ticket);
}

}  // namespace

Result<Tickets> parse_tickets(const std::vector<std::string>& texts) {
  Tickets tickets;
  for (const std::string& text : texts) {
    const std::size_t colon = text.rfind(':');
    const std::size_t digits = colon == std::string::npos ? text.size() : colon + 1;
    const char* const end = text.data() + text.size();
    std::uint64_t number = 0;
    const auto read = std::from_chars(text.data() + digits, end, number);
    if (colon == 0 || digits == text.size() || read.ec != std::errc() || read.ptr != end)
      return fail(Errc::bad_request, text + " is no ticket: BROKER:NUMBER, as `list` shows them");
    tickets[text.substr(0, colon)].push_back(number);
  }
  return tickets;
}

std::string poison_table(const std::vector<PoisonAt>& parked) {
  const bool none =
      std::ranges::all_of(parked, [](const PoisonAt& at) { return at.requests.empty(); });
  if (none) return "no request is set aside\n";
  constexpr auto line = "{:<18}{:<22}{:>12}  {:<18}{:>10}{:>16}\n";
  std::string out = fmt::format(line, "ticket", "verb", "user", "trace", "size", "set aside");
  for (const PoisonAt& at : parked)
    for (const auto& request : at.requests)
      out += fmt::format(line, ticket_text(at.broker, request.ticket()), request.verb(),
                         request.user() != 0 ? fmt::format("{}", request.user()) : "-",
                         trace_text(request.trace()), bytes_text(request.bytes()),
                         duration_text(request.parked_ms_ago()) + " ago");
  return out;
}

}  // namespace parley
