// What a run amounts to, in numbers: for reports, and for the rule that bounds the lag.
#pragma once

#include <string>
#include <vector>

#include "cli/verify/index.h"

namespace parley::verify {

// From a message's ack until one of the other devices had it. Delivered before the ack: zero.
struct Lag {
  std::string_view device;
  ConversationId conversation;
  Seq seq;
  Duration length{};
  // The device was connected all the time, and nothing was broken then or shortly before.
  bool undisturbed = false;
};
std::vector<Lag> lags_of(const HistoryIndex& index);

struct Spread {
  std::size_t count = 0;
  Duration p50{};
  Duration p99{};
  Duration max{};
};

struct Figures {
  std::size_t messages_acked = 0;
  std::size_t entries_seen = 0;  // by devices, as new
  std::size_t pages = 0;
  std::size_t pushed_again = 0;  // pushes of what a device had been pushed before
  std::size_t faults = 0;        // that took hold
  Spread acks;                   // from sending to the ack
  Spread lags;                   // from the ack to each other device
};
Figures figures_of(const History& history);
// One line for people.
std::string to_text(const Figures& figures);

}  // namespace parley::verify
