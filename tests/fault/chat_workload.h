// Users who chat while things break: pairs of users, two devices each, real SDK clients on one
// loop. Both users of a pair write to each other at once; everything that their devices see is
// recorded.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "client/client.h"
#include "client/memory_log.h"
#include "perf/histogram.h"
#include "tests/support/cluster.h"
#include "cli/verify/history.h"

namespace parley::test {

using namespace verify;  // histories and what judges them

struct ChatOptions {
  unsigned pairs = 3;
  std::size_t outbox = 2;  // messages that each writing device has not seen acknowledged
};

// One device of a user. Records what the SDK tells it.
class ChatDevice final : public client::Observer {
 public:
  struct Who {
    std::string user;    // "user-3"
    std::string device;  // "user-3/1": the process in the history
    client::DeviceClass device_class;
  };
  ChatDevice(client::Network& network, const Cluster& cluster, Who who, History& history);

  // Logs in as a new process would: with what the device remembers.
  void start();
  void stop();
  bool is_in_step() const { return synced_; }
  UserId user() const { return client_->user(); }
  const std::string& name() const { return who_.device; }

  // Writes to `peer` and goes on with the next message whenever one is acknowledged, until quiet().
  void write_to(UserId peer, std::size_t outbox);
  void quiet() { peer_ = UserId{}; }
  std::size_t unacknowledged() const { return client_->unacknowledged(); }
  Seq last() const { return last_; }
  client::Cursors peer_cursors(ConversationId id) const { return client_->peer_cursors(id); }

  // What a person would have noticed.
  const std::vector<std::string>& visible_errors() const { return visible_errors_; }
  // How often it went to another gateway because its own said that it goes away.
  std::size_t moves() const { return moves_; }
  const perf::LatencyHistogram& acks() const { return acks_; }

 private:
  void send_next();
  void on_state(const client::StateChanged& state) override;
  void on_message(const client::Entry& entry) override;
  void on_receipt(const client::ReceiptMoved& moved) override;
  void on_send_result(const client::SendDone& done) override;
  void on_synced() override { synced_ = true; }
  void on_log_failed(const Error& error) override;

  struct Open {
    std::uint64_t op;
    Instant since;
  };

  client::Network& network_;
  const Cluster& cluster_;
  Who who_;
  History& history_;
  client::MemoryLog log_{0};
  std::unique_ptr<client::Client> client_;
  UserId peer_;  // none: does not write
  bool synced_ = false;
  bool is_ready_ = false;
  std::size_t moves_ = 0;
  Seq last_;
  std::uint64_t written_ = 0;
  std::map<ClientMessageId, Open> open_;
  std::vector<std::string> visible_errors_;
  perf::LatencyHistogram acks_;
};

class ChatWorkload {
 public:
  ChatWorkload(Cluster& cluster, ChatOptions options);
  ~ChatWorkload();

  // Registers and logs in all devices. False: not within a minute.
  bool log_in();
  // Chats until the condition holds; call it after log_in. False: it does not within two hours.
  bool run_until(const std::function<bool()>& condition);
  // Stops writing and waits until every message is acknowledged. False: some were not, within 30 s.
  bool finish_sending();
  // Restarts each device, so that it syncs from where it stands, until it has the whole log of its
  // conversation, and once more when no cursor moves any more. Then enters what the database
  // holds. False: a device still lacked something.
  bool settle();

  History& history() { return history_; }
  const History& history() const { return history_; }
  // What clients noticed, or nothing.
  std::vector<std::string> visible_errors() const;
  // The most that one device moved.
  std::size_t moves_max() const;
  perf::LatencyHistogram acks() const;
  // How long they have chatted.
  Duration ran() const { return ran_; }

 private:
  ChatDevice& writer(unsigned user) { return *devices_[2 * user]; }
  bool wait_until(Duration limit, const std::function<bool()>& condition);
  ConversationId conversation_of(unsigned device) const;
  bool everybody_has(const std::map<ConversationId, Seq>& heads) const;
  bool everybody_saw_receipts();
  bool receipts_have_stopped();
  void restart();
  void record_synced(const std::map<ConversationId, Seq>& heads);

  Cluster& cluster_;
  ChatOptions options_;
  Loop loop_;
  client::Network network_;
  History history_;
  std::vector<std::unique_ptr<ChatDevice>> devices_;  // user 0's first and second, user 1's …
  Duration ran_{};
};

}  // namespace parley::test
