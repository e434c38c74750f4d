// One process' share of a load: its clients on one loop, from connecting to the comparison with the
// database.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "perf/load/load_client.h"
#include "perf/load/options.h"

namespace parley::perf {

class LoadShare {
 public:
  // `accounts`: an even number, partners side by side.
  LoadShare(const LoadOptions& options, const SocketAddress& gateway, const PinnedKey& pin,
            std::span<const LoadAccount> accounts, std::uint64_t run);

  // Connects and logs in all clients, some hundred at a time. disconnected: one was refused; io: it
  // took longer than `limit`.
  Status connect(Duration limit);
  // Runs from `begin` on: warm-up, the measured part, and until what was sent is answered and
  // delivered (10 s at most).
  void run(Instant begin);
  // Compares with the database and returns everything counted.
  Result<Tally> finish();

 private:
  static constexpr std::size_t connecting_max = 128;
  static constexpr Duration settle_limit = 10s;

  bool start_connecting();
  std::size_t count_ready() const;
  void turn_open(Instant begin);
  void keep_alive(Instant now);
  void send_receipts(Instant now);
  bool has_settled() const;
  Duration until_next(Instant now) const;

  const LoadOptions& options_;
  SocketAddress gateway_;
  PinnedKey pin_;
  LoadRun run_;
  SocketLoop loop_;
  std::vector<std::unique_ptr<LoadClient>> clients_;
  std::size_t begun_ = 0;  // clients that have begun to connect
  std::uint64_t intended_ = 0;
  Instant next_receipts_{};
  Instant next_pings_{};
};

}  // namespace parley::perf
