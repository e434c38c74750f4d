#include "perf/raw/echo_client.h"

#include <algorithm>
#include <memory>
#include <vector>

namespace parley::perf {
namespace {

constexpr Duration ready_limit = 20s;

struct Count {
  std::uint64_t echoes = 0;
  std::string failure;
};

class PlainEcho final : public Peer {
 public:
  PlainEcho(SocketLoop& loop, Count& count) : loop_(loop), count_(count) {}
  bool is_ready() const { return open_; }
  std::string_view why_lost() const { return why_lost_; }
  void begin(unsigned window, Instant) {
    for (unsigned i = 0; i < window; ++i) say();
  }

  void on_open(Instant) override { open_ = true; }
  std::size_t on_bytes(std::span<char> bytes, Instant) override {
    const std::size_t echoes = bytes.size() / ping_record_bytes;
    for (std::size_t i = 0; i < echoes; ++i) {
      if (bytes[i * ping_record_bytes] != 'e') count_.failure = "an echo that is not what was said";
      ++count_.echoes;
      say();
    }
    return echoes * ping_record_bytes;
  }
  void on_closed(const std::string& why) override { why_lost_ = why; }

 private:
  void say() {
    out().append(ping_record_bytes, 'e');
    loop_.write_later(*this);
  }
  SocketLoop& loop_;
  Count& count_;
  bool open_ = false;
  std::string why_lost_;
};

class GatewayEcho final : public ChannelPeer {
 public:
  GatewayEcho(SocketLoop& loop, const PinnedKey& pin, const LoadAccount& account, Count& count)
      : ChannelPeer(loop, pin, account), count_(count) {}
  void begin(unsigned window, Instant now) {
    for (unsigned i = 0; i < window; ++i) ping(now);
  }

 private:
  void on_frame(const Frame& frame, Instant now) override {
    if (frame.header.kind != FrameKind::pong) count_.failure = "the gateway said something else";
    ++count_.echoes;
    ping(now);
  }
  Count& count_;
};

template <typename Client>
Result<double> measure(SocketLoop& loop, std::vector<std::unique_ptr<Client>>& clients,
                       Count& count, const EchoLoad& load) {
  const auto ready = [](const auto& client) { return client->is_ready(); };
  for (const Instant limit = monotonic_now() + ready_limit; !std::ranges::all_of(clients, ready);) {
    if (monotonic_now() > limit) return fail(Errc::io, "echo: not connected in time");
    for (const auto& client : clients)
      if (!client->why_lost().empty())
        return fail(Errc::io, "echo: " + std::string(client->why_lost()));
    loop.turn(10ms);
  }
  for (const auto& client : clients) client->begin(load.window, monotonic_now());
  for (const Instant end = monotonic_now() + load.warmup; monotonic_now() < end;) loop.turn(10ms);
  const std::uint64_t before = count.echoes;
  const Instant begin = monotonic_now();
  while (monotonic_now() < begin + load.length) loop.turn(10ms);
  const std::chrono::duration<double> took = monotonic_now() - begin;
  for (const auto& client : clients) {
    if (!client->why_lost().empty()) count.failure = client->why_lost();
    loop.close(*client);
  }
  if (!count.failure.empty()) return fail(Errc::io, "echo: " + count.failure);
  return static_cast<double>(count.echoes - before) / took.count();
}

}  // namespace

Result<double> plain_echo(const SocketAddress& server, const EchoLoad& load) {
  SocketLoop loop;
  Count count;
  std::vector<std::unique_ptr<PlainEcho>> clients;
  for (unsigned i = 0; i < load.connections; ++i) {
    clients.push_back(std::make_unique<PlainEcho>(loop, count));
    PARLEY_CHECK(loop.connect(*clients.back(), server));
  }
  return measure(loop, clients, count, load);
}

Result<double> gateway_echo(const SocketAddress& gateway, const PinnedKey& pin,
                            std::span<const LoadAccount> accounts, const EchoLoad& load) {
  SocketLoop loop;
  Count count;
  std::vector<std::unique_ptr<GatewayEcho>> clients;
  for (unsigned i = 0; i < load.connections; ++i) {
    clients.push_back(std::make_unique<GatewayEcho>(loop, pin, accounts[i], count));
    PARLEY_CHECK(loop.connect(*clients.back(), gateway));
  }
  return measure(loop, clients, count, load);
}

}  // namespace parley::perf
