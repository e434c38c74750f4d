// What the processes of a local Parley count and hold, entered into a history while a run goes on.
// Brokers are asked in the caller's thread, which waits for each at most `answer_limit`.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "bus/admin_client.h"
#include "cli/verify/history.h"

namespace parley::verify {

class Watcher {
 public:
  static constexpr Duration answer_limit = 200ms;

  // Names and ids of the processes that run at the moment.
  using Processes = std::function<std::vector<std::pair<std::string, int>>()>;

  // `data`: a directory of `parley up`. config: its brokers' endpoints cannot be used.
  static Result<Watcher> open(const std::string& data);
  // Somebody else's processes; ZeroMQ endpoints of its brokers.
  static Result<Watcher> open(const std::vector<std::string>& brokers, Processes processes);

  // Requests that brokers took, and how full the windows of their peers are. Who does not answer
  // just now (it may be dead on purpose) is left out.
  void look_at_brokers(History& history) const;
  // Memory and open files of each of our processes; another life of a process is another one.
  void look_at_processes(History& history) const;
  // How often the last requests of these users were tried.
  void look_at_attempts(const std::vector<UserId>& users, History& history) const;

 private:
  Watcher(Endpoints brokers, Processes processes)
      : brokers_(std::move(brokers)), processes_(std::move(processes)) {}

  Endpoints brokers_;
  Processes processes_;
};

}  // namespace parley::verify
