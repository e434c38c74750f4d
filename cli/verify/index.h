// A history, sorted out once so that each rule of check.h reads like its sentence.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "cli/verify/history.h"

namespace parley::verify {

// One attempt to send, with how it ended.
struct Attempt {
  const SendInvoked* invoked = nullptr;
  Instant invoked_at;
  std::string_view process;
  const SendOk* ok = nullptr;
  const SendFailed* failed = nullptr;
  const SendUnknown* unknown = nullptr;
  std::optional<Instant> completed_at = {};  // of ok or failed
  std::optional<Instant> ended_at = {};      // also of unknown
};

// One question for a part of a log, with its answer.
struct Pull {
  const PullInvoked* invoked = nullptr;
  Instant invoked_at;
  std::string_view process;
  const PullOk* ok = nullptr;
  std::optional<Instant> ended_at = {};

  // The last number that the answer speaks for. Requires: ok.
  Seq covered_to() const;
};

// The time in which the server took a device for one user, by the device's own knowledge.
struct Session {
  std::string_view process;
  UserId user;
  std::string_view how;
  Instant began_at;
  std::optional<Instant> ended_at = {};
};

// Everything about one message.
struct Message {
  MessageKey key;
  std::vector<Attempt*> attempts;  // by time of invocation
  std::vector<const Row*> rows;
  std::vector<const Delivered*> deliveries;

  const Attempt* first_ok() const;
  Instant first_invoked_at() const { return attempts.front()->invoked_at; }
  bool definitely_failed() const;  // every attempt was refused
};

struct Delivery {
  const Event* event = nullptr;
  const Delivered* what = nullptr;
};

// What one device saw of one conversation.
struct View {
  std::string_view device;
  UserId reader;
  ConversationId conversation;
  std::vector<Delivery> deliveries;  // as they came
  Seq synced_to;
};

class HistoryIndex {
 public:
  // `history` must outlive the index.
  explicit HistoryIndex(const History& history);

  const History& history;
  std::map<std::uint64_t, Attempt> attempts;  // by op; addresses are stable
  std::unordered_map<MessageKey, Message> messages;
  std::map<std::pair<ConversationId, std::string_view>, View> views;  // by conversation and device
  std::map<std::pair<ConversationId, Seq>, std::vector<const Row*>> rows;
  std::map<ConversationId, Seq> heads;
  std::deque<Pull> pulls;  // by time of invocation
  std::vector<const Event*> pushes;
  std::map<std::string_view, std::vector<Session>> sessions;  // by process, by time
  std::set<std::pair<UserId, ConversationId>> lists;
  std::vector<const Fault*> faults;
  std::vector<Instant> faults_at;
  // When faults may have been felt, in the order of their beginnings; those that touch are one.
  std::vector<std::pair<Instant, Instant>> felt;
  // Answers to nothing that was asked: the recorder is wrong, so nothing may be concluded.
  std::size_t strays = 0;
  std::optional<Instant> healed_at;
  Instant last_at;                // of the latest event
  bool receipts_invoked = false;  // recorded at all
  bool gauged = false;            // likewise
  bool attempts_seen = false;     // likewise
  bool quiesced = false;
  bool dumped = false;
  bool heads_dumped = false;
  bool lists_dumped = false;

 private:
  void enter(const Event& event, const SendInvoked& what);
  void enter(const Event& event, const SendOk& what);
  void enter(const Event& event, const SendFailed& what);
  void enter(const Event& event, const SendUnknown& what);
  void enter(const Event& event, const Delivered& what);
  void enter(const Event& event, const Synced& what);
  void enter(const Event& event, const Row& what);
  void enter(const Event& event, const Head& what);
  void enter(const Event& event, const Fault& what);
  void enter(const Event& event, const Healed& what);
  void enter(const Event& event, const Quiesced& what);
  void enter(const Event& event, const Dumped& what);
  void enter(const Event& event, const Pushed&) { pushes.push_back(&event); }
  void enter(const Event& event, const SessionBegan& what);
  void enter(const Event& event, const SessionEnded& what);
  void enter(const Event& event, const PullInvoked& what);
  void enter(const Event& event, const PullOk& what);
  void enter(const Event& event, const PullFailed& what);
  void enter(const Event&, const ListRow& what) { lists.emplace(what.user, what.conversation); }
  void enter(const Event&, const ReceiptInvoked&) { receipts_invoked = true; }
  void enter(const Event&, const StreamBegan&) {}
  void enter(const Event&, const ConnectionClosed&) {}
  void enter(const Event&, const Gauge&) { gauged = true; }
  void enter(const Event&, const Attempted&) { attempts_seen = true; }
  void enter(const Event&, const ReceiptAcked&) {}
  void enter(const Event&, const ReceiptSeen&) {}

  Attempt* attempt(std::uint64_t op);
  Pull* pull(std::uint64_t op);
  void enter_felt(Instant from, Instant to);
  View& view(std::string_view device, UserId reader, ConversationId conversation);

  std::unordered_map<std::uint64_t, Pull*> open_pulls_;
};

}  // namespace parley::verify
