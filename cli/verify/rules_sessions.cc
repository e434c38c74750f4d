#include <algorithm>
#include <unordered_set>

#include "cli/verify/check.h"

namespace parley::verify {
namespace {

using Found = std::vector<std::string>;

constexpr Duration revoke_limit = 1s;

// The session that a device had at a moment, or had last.
const Session* session_at(const HistoryIndex& index, std::string_view process, Instant at) {
  const auto own = index.sessions.find(process);
  if (own == index.sessions.end()) return nullptr;
  const auto after = std::ranges::upper_bound(own->second, at, {}, &Session::began_at);
  return after == own->second.begin() ? nullptr : &*std::prev(after);
}

bool is_over(const Session* session, Instant at) {
  return session && session->ended_at && at > *session->ended_at + revoke_limit;
}

// After its end a session is given nothing, and nothing is taken from it.
void used_after_end(const HistoryIndex& index, Found& found) {
  for (const Event* event : index.pushes)
    if (is_over(session_at(index, event->process, event->at), event->at))
      found.push_back(event->process + " was pushed a message after its session had ended");
  for (const auto& [op, attempt] : index.attempts)
    if (attempt.ok &&
        is_over(session_at(index, attempt.process, attempt.invoked_at), attempt.invoked_at))
      found.push_back(std::string(attempt.process) + " could send after its session had ended");
  for (const Pull& pull : index.pulls)
    if (pull.ok && is_over(session_at(index, pull.process, pull.invoked_at), pull.invoked_at))
      found.push_back(std::string(pull.process) + " could read after its session had ended");
}

// A token dies with its session: the next login needs the password.
void token_outlives(const HistoryIndex& index, Found& found) {
  for (const auto& [process, sessions] : index.sessions)
    for (std::size_t i = 1; i < sessions.size(); ++i)
      if (sessions[i - 1].ended_at && sessions[i].how == "token")
        found.push_back(std::string(process) + " came back with a token of an ended session");
}

void zombie_session(const HistoryIndex& index, Found& found) {
  used_after_end(index, found);
  token_outlives(index, found);
}

class Membership {
 public:
  explicit Membership(Found& found) : found_(found) {}
  void require(UserId user, ConversationId conversation, std::string_view device,
               std::string_view what) {
    const auto members = members_of(conversation);
    if (!is_valid(user) || (members && members->has(user))) return;
    found_.push_back(std::string(device) + ", user " + std::to_string(user.value) + ", was " +
                     std::string(what) + " conversation " + std::to_string(conversation.value) +
                     ", of which he is no member");
  }

 private:
  Found& found_;
};

// Whom a device belongs to is what its login said; without one, what the event says.
UserId user_of(const HistoryIndex& index, const Event& event, UserId said) {
  const Session* session = session_at(index, event.process, event.at);
  return session ? session->user : said;
}

void leak(const HistoryIndex& index, Found& found) {
  Membership membership(found);
  for (const Event& event : index.history.events()) {
    const std::string& device = event.process;
    if (const auto* got = std::get_if<Delivered>(&event.what))
      membership.require(user_of(index, event, got->reader), got->key.conversation, device,
                         "given an entry of");
    else if (const auto* pushed = std::get_if<Pushed>(&event.what))
      membership.require(user_of(index, event, pushed->reader), pushed->key.conversation, device,
                         "pushed an entry of");
    else if (const auto* seen = std::get_if<ReceiptSeen>(&event.what))
      membership.require(user_of(index, event, UserId{}), seen->conversation, device,
                         "shown a receipt of");
  }
  for (const Pull& pull : index.pulls)
    if (pull.ok)
      membership.require(pull.invoked->reader, pull.invoked->conversation, pull.process,
                         "answered about");
}

struct Content {
  ConversationId conversation;
  ClientMessageId client_id;
  std::uint64_t body;
  bool operator==(const Content&) const = default;
};
struct HashContent {
  std::size_t operator()(const Content& c) const {
    return std::hash<MessageKey>()({c.conversation, UserId{c.body}, c.client_id});
  }
};

// What one user sent and nobody else did, under another user's name.
void swapped_sender(const HistoryIndex& index, Found& found) {
  std::unordered_set<Content, HashContent> sent;
  for (const auto& [op, attempt] : index.attempts)
    sent.insert(
        {attempt.invoked->key.conversation, attempt.invoked->key.client_id, attempt.invoked->body});
  const auto look = [&](const Message& message, std::uint64_t body, std::string_view where) {
    if (message.attempts.empty() &&
        sent.contains({message.key.conversation, message.key.client_id, body}))
      found.push_back(std::string(where) + " has " + name_of(message.key) +
                      ", which another user sent");
  };
  for (const auto& [key, message] : index.messages) {
    for (const Row* row : message.rows) look(message, row->body, "the database");
    for (const Delivered* delivery : message.deliveries) look(message, delivery->body, "a device");
  }
}

// A device that logs in as somebody is him, at each login.
void swapped_login(const HistoryIndex& index, Found& found) {
  for (const auto& [process, sessions] : index.sessions)
    for (std::size_t i = 1; i < sessions.size(); ++i)
      if (sessions[i].user != sessions[0].user)
        found.push_back(std::string(process) + " logged in as user " +
                        std::to_string(sessions[0].user.value) + " and became user " +
                        std::to_string(sessions[i].user.value));
}

void identity_swap(const HistoryIndex& index, Found& found) {
  swapped_sender(index, found);
  swapped_login(index, found);
}

constexpr Rule rules[] = {
    {"D4", "a session that has ended is given nothing and can do nothing", zombie_session},
    {"F1", "nobody is shown anything of a conversation that is not his", leak},
    {"F7", "a message's sender is who logged in on the device that sent it", identity_swap,
     Rule::NeedsDump::partly},
};

}  // namespace

std::span<const Rule> session_rules() { return rules; }

}  // namespace parley::verify
