// The server as a client may rely on it (proto/README.md), in a page: logins, logs, receipts. No network, no
// time: frames in, frames out; the simulation decides when they arrive, if at all.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "client/message.h"
#include "proto/frame.h"

namespace parley::client::test {

struct ServerFrame {
  int connection;
  FrameHeader header;
  std::string body;
};

class ModelServer {
 public:
  void add_user(const std::string& name, UserId user) { users_[name] = user; }

  // What a connection's frame leads to: the reply first, then notices to other connections.
  std::vector<ServerFrame> handle(int connection, const FrameHeader& header,
                                  const std::string& body);
  void disconnect(int connection) { sessions_.erase(connection); }

  const std::vector<Entry>& log(ConversationId conversation) { return logs_[conversation].entries; }
  Cursors cursors(ConversationId conversation, UserId user) {
    return logs_[conversation].cursors[user];
  }
  std::size_t requests(std::uint16_t verb) const {
    const auto found = requests_.find(verb);
    return found == requests_.end() ? 0 : found->second;
  }
  std::size_t page_max = 7;  // small, so that paging is exercised
  std::uint32_t requests_in_flight_max = 0;  // told at login; 0: nothing is said

 private:
  struct Log {
    std::vector<Entry> entries;
    std::map<std::pair<UserId, ClientMessageId>, Seq> by_id;
    std::map<UserId, Cursors> cursors;
  };
  struct Call {
    int connection;
    const FrameHeader& header;
    const std::string& body;
    UserId user;
    std::vector<ServerFrame> out;
  };
  void reply(Call& call, std::string body);
  void error(Call& call, std::uint16_t code);
  void notify(Call& call, UserId user, std::uint16_t notice, const std::string& body);
  void login(Call& call);
  void send(Call& call);
  void receipt(Call& call);
  void pull(Call& call);
  void conversations(Call& call);

  std::map<std::string, UserId> users_;
  std::map<std::string, UserId> tokens_;
  std::map<int, UserId> sessions_;
  std::map<ConversationId, Log> logs_;
  std::map<std::uint16_t, std::size_t> requests_;
  std::uint64_t tokens_made_ = 0;
};

}  // namespace parley::client::test
