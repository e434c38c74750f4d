// Real client cores and a model server over virtual time and a seeded network: the same seed gives the same run.
//
// Within a connection frames arrive in order, as over TCP. What a fault plan may do: delay, cut connections, refuse
// them, lose or repeat pushes, answer late or with an error, lose a request before or after it was
// carried out, and kill a client (its local log survives).
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/random.h"
#include "client/client_core.h"
#include "client/memory_log.h"
#include "tests/unit/client/model_server.h"

namespace parley::client::test {

struct Faults {
  // Each one time in so many; 0: never.
  std::uint64_t cut = 0;            // per frame: the connection ends instead
  std::uint64_t refuse = 0;         // per dial
  std::uint64_t lose_push = 0;
  std::uint64_t repeat_push = 0;
  std::uint64_t lose_request = 0;   // half before, half after it was carried out
  std::uint64_t answer_error = 0;   // retry_later, half before, half after it was carried out
  Duration delay_max = 20ms;
};

class Simulation {
 public:
  Simulation(std::uint64_t seed, const ClientOptions& options) : options_(options), chance(seed) {}

  struct Device {
    std::string user;
    std::unique_ptr<MemoryLog> log = std::make_unique<MemoryLog>();
    std::unique_ptr<ClientCore> core;
    int connection = 0;  // 0: none
    Instant down_free{};  // when the last frame to the client arrives
    Instant up_free{};
    // What its user was told.
    std::vector<SendDone> results;
    std::map<ConversationId, std::vector<Entry>> messages;
    std::map<ConversationId, Cursors> peer;
    std::vector<StateChanged> states;
    std::size_t synced = 0;
  };

  // A device of a user (made known to the server); started at once.
  std::size_t add_device(const std::string& user, UserId id);
  // Ends the process and starts it again; only the local log is left.
  void restart(std::size_t device);
  // The connection ends; the client comes back by itself.
  void cut(std::size_t device);
  void run_for(Duration time);
  ClientCore& core(std::size_t device) { return *devices[device].core; }
  // Carries out what a call on core() has led to.
  void perform(std::size_t device);

  Instant now{};
  Faults faults;
  ModelServer server;
  std::vector<Device> devices;

 private:
  const ClientOptions options_;

 public:
  Random chance;

 private:
  bool happens(std::uint64_t one_in) { return one_in != 0 && chance.below(one_in) == 0; }
  void at(Instant when, std::function<void()> what);
  void dial(std::size_t device);
  void to_server(std::size_t device, Transmit frame);
  void to_client(ServerFrame frame);
  void on_server(std::size_t device, int connection, const Transmit& frame);
  Instant arrival(Instant& free);

  std::multimap<Instant, std::function<void()>> events_;
  int connections_made_ = 0;
};

}  // namespace parley::client::test
