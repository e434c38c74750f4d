#include "tests/fault/peers.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <vector>

#include "base/assert.h"
#include "base/random.h"
#include "bus/publisher.h"
#include "proto/verbs.h"

namespace parley::test {
namespace {

constexpr int turned_away_ms = 500;
// Longer than a handshake may take (3 s).
constexpr Duration hang_up_limit = 4s;
const std::string greeting("\xff\0\0\0\0\0\0\0\x01\x7f\x03", 11);
constexpr std::size_t garbage_bytes = 4'096;
constexpr std::size_t flood_pending = 60'000;  // three times what a broker lets wait for a service

// Whether the peer ends it within so long; what it says is thrown away.
bool ends_within(int fd, int limit_ms) {
  const Instant end = monotonic_now() + std::chrono::milliseconds(limit_ms);
  char bytes[4'096];
  for (;;) {
    pollfd readable{fd, POLLIN, 0};
    const auto left = static_cast<int>(to_ms(end - monotonic_now()));
    if (left <= 0 || poll(&readable, 1, left) == 0) return false;
    if (recv(fd, bytes, sizeof bytes, 0) <= 0) return true;
  }
}

bool connect_to(int fd, const std::string& host, std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  inet_pton(AF_INET, host.c_str(), &address.sin_addr);
  return connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

bool connect_to_file(int fd, const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  PARLEY_ASSERT(path.size() < sizeof address.sun_path);
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

}  // namespace

bool is_turned_away(const std::string& address) {
  const std::size_t colon = address.rfind(':');
  std::uint16_t port = 0;
  std::from_chars(address.data() + colon + 1, address.data() + address.size(), port);
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const bool away =
      !connect_to(fd, address.substr(0, colon), port) || ends_within(fd, turned_away_ms);
  close(fd);
  return away;
}

Crowd::Crowd(const std::string& address, std::size_t connections) {
  const std::size_t colon = address.rfind(':');
  std::uint16_t port = 0;
  std::from_chars(address.data() + colon + 1, address.data() + address.size(), port);
  for (std::size_t i = 0; i < connections; ++i) {
    open_.push_back(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    connect_to(open_.back(), address.substr(0, colon), port);
  }
}

Crowd::~Crowd() {
  for (const int fd : open_) close(fd);
}

int hang_ups_on_garbage(const std::string& endpoint, int connections, std::uint64_t seed) {
  Random random(seed);
  std::vector<int> open;
  for (int i = 0; i < connections; ++i) {
    std::string garbage = i % 2 == 0 ? greeting : "";
    while (garbage.size() < garbage_bytes) garbage += static_cast<char>(random.below(256));
    open.push_back(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (connect_to_file(open.back(), endpoint.substr(std::string_view("ipc://").size())))
      static_cast<void>(send(open.back(), garbage.data(), garbage.size(), MSG_NOSIGNAL));
  }
  int hang_ups = 0;
  const Instant end = monotonic_now() + hang_up_limit;
  for (const int fd : open) {
    const auto left = std::max<std::int64_t>(to_ms(end - monotonic_now()), 1);
    hang_ups += ends_within(fd, static_cast<int>(left));
    close(fd);
  }
  return hang_ups;
}

FloodCounts flood_as_gateway(const std::string& endpoint, Duration length) {
  FloodCounts counts;
  Loop loop;
  Metrics metrics;
  const Publisher::Handlers handlers{
      .on_reply =
          [&](const EnvelopeHeader& header, std::string_view) {
            ++counts.answered;
            counts.refused += header.error != 0;
          },
      .on_delivery = [](const EnvelopeHeader&, std::string_view) {},
      .on_connected = [] {}};
  Publisher publisher(
      loop, {.instance = "gateway-flood", .brokers = {{endpoint}}, .pending_max = flood_pending},
      handlers, metrics);
  const std::string body(1'000, 'x');
  Timer more(loop, [&] {
    for (int i = 0; i < 1'000; ++i) {
      const EnvelopeHeader header{.verb = static_cast<std::uint16_t>(Verb::route_report),
                                  .key = secure_random_id()};
      counts.published += publisher.publish(header, body).has_value();
    }
  });
  Timer enough(loop, [&] { loop.stop(); });
  more.every(10ms);
  enough.once(length);
  loop.run();
  publisher.close();
  return counts;
}

}  // namespace parley::test
