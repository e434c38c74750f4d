// Users who chat while somebody else breaks things: pairs of users, two devices each, real SDK
// clients on one loop. Both users of a pair write to each other at once; everything that their
// devices see is recorded. `parley verify` and the fault tests run it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/loop.h"
#include "cli/verify/database.h"
#include "cli/verify/device.h"

namespace parley::verify {

struct WorkloadOptions {
  struct Person {
    std::string name;
    std::string password;
  };
  // The first two talk to each other, the next two, …: an even number, at least two.
  std::vector<Person> people;
  client::Account account = client::Account::create;
  std::size_t outbox = 2;  // messages that each writing device has not seen acknowledged
  Duration pause{};        // of a writing device, from an acknowledgement to its next message
};

class Workload {
 public:
  // `database` may be null: then only what devices saw is recorded. It must outlive the workload.
  Workload(Server server, WorkloadOptions options, Database* database);
  ~Workload();

  // Registers and logs in all devices. False: not within a minute.
  bool log_in();
  // Nobody of them has ever talked to the one that he will talk to. Call it after log_in.
  bool is_fresh();
  // Chats until the condition holds; call it after log_in. False: it does not within two hours.
  bool run_until(const std::function<bool()>& condition);
  // Stops writing and waits until every message is answered; then repeats one of each writing
  // device, and asks for pages of others' conversations. False: some were not, within 30 s.
  bool finish_sending();
  // Restarts each device, so that it syncs from where it stands, until it has the whole log of its
  // conversation, and once more when no cursor moves any more. Logs one device of each pair out for
  // good. Then enters what the database holds. False: a device still lacked something.
  bool settle();
  // All devices leave.
  void leave();
  // Turns the loop for so long.
  void wait(Duration length);

  Loop& loop() { return loop_; }
  History& history() { return history_; }
  const History& history() const { return history_; }
  std::vector<UserId> users() const;
  // What clients noticed, or nothing.
  std::vector<std::string> visible_errors() const;
  using Heads = std::map<ConversationId, Seq>;
  // The newest number of each conversation that any of its devices has.
  Heads newest() const;
  // Since when the oldest message of all waits for an acknowledgement.
  std::optional<Instant> waiting_since() const;
  // Whether all are connected, everything that was sent before `time` is acknowledged, and everybody
  // has what somebody had `then`.
  bool has_caught_up(Instant time, const Heads& then) const;
  // The most that one device moved.
  std::size_t moves_max() const;
  // How long they have chatted.
  Duration ran() const { return ran_; }

 private:
  Device& writer(std::size_t user) { return *devices_[2 * user]; }
  std::size_t people() const { return options_.people.size(); }
  bool wait_until(Duration limit, const std::function<bool()>& condition);
  bool nobody_waits() const;
  ConversationId conversation_of(std::size_t device) const;
  Conversations conversations() const;
  Heads heads();
  bool everybody_has(const Heads& heads) const;
  bool everybody_saw_receipts();
  bool receipts_have_stopped();
  bool restart();
  bool log_out_one_of_each_pair();
  void ask_for_strangers_pages();
  bool record_end(const Heads& heads);

  const Server server_;
  const WorkloadOptions options_;
  Database* const database_;
  Loop loop_;
  client::Network network_;
  History history_;
  std::vector<std::unique_ptr<Device>> devices_;  // person 0's first and second, person 1's …
  Duration ran_{};
};

}  // namespace parley::verify
