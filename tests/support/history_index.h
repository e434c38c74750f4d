// A history, sorted out once so that each rule of history_check reads like its sentence.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "tests/support/history.h"

namespace parley::test {

// One attempt to send, with how it ended.
struct Attempt {
  const SendInvoked* invoked = nullptr;
  Instant invoked_at;
  std::string_view process;
  const SendOk* ok = nullptr;
  const SendFailed* failed = nullptr;
  const SendUnknown* unknown = nullptr;
  std::optional<Instant> completed_at = {};  // of ok or failed
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
  std::vector<const Fault*> faults;
  // Answers to nothing that was asked: the recorder is wrong, so nothing may be concluded.
  std::size_t strays = 0;
  std::optional<Instant> healed_at;
  bool quiesced = false;
  bool dumped = false;

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
  void enter(const Event&, const StreamBegan&) {}
  void enter(const Event&, const ReceiptAcked&) {}
  void enter(const Event&, const ReceiptSeen&) {}

  Attempt* attempt(std::uint64_t op);
  View& view(std::string_view device, UserId reader, ConversationId conversation);
};

}  // namespace parley::test
