#include "tests/support/scrape.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <charconv>
#include <nlohmann/json.hpp>
#include <sstream>

namespace parley::test {
namespace {

constexpr timeval limit{.tv_sec = 5, .tv_usec = 0};

int dial(const std::string& address) {
  const std::size_t colon = address.rfind(':');
  std::uint16_t port = 0;
  std::from_chars(address.data() + colon + 1, address.data() + address.size(), port);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  inet_pton(AF_INET, address.substr(0, colon).c_str(), &to.sin_addr);
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  if (connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0) return fd;
  close(fd);
  return -1;
}

std::string page(const std::string& address) {
  const int fd = dial(address);
  if (fd < 0) return {};
  constexpr std::string_view request = "GET /metrics HTTP/1.0\r\n\r\n";
  std::string text;
  if (send(fd, request.data(), request.size(), MSG_NOSIGNAL) > 0) {
    char buffer[16'384];
    for (ssize_t n; (n = recv(fd, buffer, sizeof buffer, 0)) > 0;)
      text.append(buffer, static_cast<std::size_t>(n));
  }
  close(fd);
  return text;
}

}  // namespace

std::optional<std::string> metrics_address(std::string_view log) {
  std::optional<std::string> address;
  std::istringstream lines{std::string(log)};
  for (std::string line; std::getline(lines, line);) {
    if (line.find("metrics.listening") == std::string::npos) continue;
    const auto json = nlohmann::json::parse(line, nullptr, false);
    if (json.is_object() && json.contains("address")) address = json["address"];
  }
  return address;
}

std::optional<double> scrape(const std::string& address, std::string_view metric) {
  std::istringstream lines(page(address));
  std::optional<double> sum;
  for (std::string line; std::getline(lines, line);) {
    const std::size_t end = line.find_first_of(" {");
    if (end == std::string::npos || std::string_view(line).substr(0, end) != metric) continue;
    double value = 0;
    const char* digits = line.data() + line.rfind(' ') + 1;
    std::from_chars(digits, line.data() + line.size(), value);
    sum = sum.value_or(0) + value;
  }
  return sum;
}

}  // namespace parley::test
