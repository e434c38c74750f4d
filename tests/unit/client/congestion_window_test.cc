#include "client/congestion_window.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <utility>
#include <vector>

namespace parley::client {
namespace {

using Ticket = CongestionWindow::Ticket;

std::vector<Ticket> send(CongestionWindow& window, int count) {
  std::vector<Ticket> tickets;
  for (int i = 0; i < count; ++i) tickets.push_back(window.sent());
  return tickets;
}

// So many are sent and taken, one after the other.
void take(CongestionWindow& window, int count) {
  for (int i = 0; i < count; ++i) window.taken(window.sent());
}

TEST(CongestionWindow, IsAllThatBothSidesAllowUntilTheServerIsBusy) {
  CongestionWindow window(64);
  take(window, 1'000);
  EXPECT_EQ(window.size(), 64U);
}

TEST(CongestionWindow, HasRoomForWhatIsAnsweredOneWayOrAnother) {
  CongestionWindow window(3);
  const auto tickets = send(window, 3);
  EXPECT_FALSE(window.has_room());
  window.taken(tickets[0]);
  EXPECT_TRUE(window.has_room());
  window.ended();
  EXPECT_EQ(window.unanswered(), 1U);
  EXPECT_EQ(window.size(), 3U) << "what merely ends says nothing";
  window.failed(tickets[2], Errc::retry_later);
  EXPECT_EQ(window.unanswered(), 0U);
  EXPECT_TRUE(window.has_room());
}

TEST(CongestionWindow, IsHalvedOnceForAllThatWasOnItsWay) {
  CongestionWindow window(8);
  const auto early = send(window, 8);
  window.failed(early[7], Errc::retry_later);
  const auto late = send(window, 1);
  for (std::size_t i = 0; i < 7; ++i) window.failed(early[i], Errc::retry_later);
  EXPECT_EQ(window.size(), 4U) << "all of these left before the client knew";
  window.failed(late[0], Errc::retry_later);
  EXPECT_EQ(window.size(), 2U);
}

TEST(CongestionWindow, IsNeverClosed) {
  CongestionWindow window(4);
  for (int i = 0; i < 10; ++i) window.failed(window.sent(), Errc::retry_later);
  EXPECT_EQ(window.size(), 1U);
  EXPECT_TRUE(window.has_room());
}

TEST(CongestionWindow, WidensByOneWithEachWindowTaken) {
  CongestionWindow window(8);
  window.failed(window.sent(), Errc::retry_later);
  take(window, 3);
  EXPECT_EQ(window.size(), 4U);
  take(window, 1);
  EXPECT_EQ(window.size(), 5U);
  take(window, 5 + 6 + 7);
  EXPECT_EQ(window.size(), 8U);
}

TEST(CongestionWindow, CountsAnewAfterARefusal) {
  CongestionWindow window(8);
  window.failed(window.sent(), Errc::retry_later);
  take(window, 3);
  window.failed(window.sent(), Errc::retry_later);
  take(window, 1);
  EXPECT_EQ(window.size(), 2U);
}

TEST(CongestionWindow, WhatWasTakenBeforeTheClientKnewDoesNotWidenIt) {
  CongestionWindow window(8);
  const auto tickets = send(window, 8);
  window.failed(tickets[0], Errc::retry_later);
  for (std::size_t i = 1; i < 8; ++i) window.taken(tickets[i]);
  take(window, 3);
  EXPECT_EQ(window.size(), 4U);
  take(window, 1);
  EXPECT_EQ(window.size(), 5U);
}

// A server with room for so many requests, which it answers in order, some each moment; and clients that always
// have more to send, and after a refusal wait a while.
class BusyServer {
 public:
  static constexpr std::size_t clients = 32;
  static constexpr std::size_t room = 512;  // 16 each
  static constexpr std::size_t answers_per_moment = 8;
  static constexpr int pause = 20;  // moments, less than a full queue takes

  struct Counts {
    std::uint64_t taken = 0;
    std::uint64_t refused = 0;
  };
  Counts run(int moments) {
    const int until = now_ + moments;
    counts_ = {};
    for (auto& client : clients_) client.answered = 0;
    while (now_++ < until) {
      for (std::size_t i = 0; i < answers_per_moment && !queue_.empty(); ++i) answer();
      for (std::size_t i = 0; i < clients; ++i)
        send((i + static_cast<std::size_t>(now_)) % clients);
    }
    return counts_;
  }
  std::uint64_t least_served() const {
    return std::ranges::min_element(clients_, {}, &Client::answered)->answered;
  }

 private:
  struct Client {
    CongestionWindow window{64};
    int silent_until = 0;
    std::uint64_t answered = 0;
  };

  void answer() {
    const auto [index, ticket] = queue_.front();
    queue_.pop_front();
    ++clients_[index].answered;
    ++counts_.taken;
    clients_[index].window.taken(ticket);
  }

  void send(std::size_t index) {
    Client& client = clients_[index];
    if (now_ < client.silent_until) return;
    while (client.window.has_room()) {
      const Ticket ticket = client.window.sent();
      if (queue_.size() < room) {
        queue_.emplace_back(index, ticket);
        continue;
      }
      ++counts_.refused;
      client.window.failed(ticket, Errc::retry_later);
      client.silent_until = now_ + pause;
      return;
    }
  }

  int now_ = 0;
  std::vector<Client> clients_ = std::vector<Client>(clients);
  std::deque<std::pair<std::size_t, Ticket>> queue_;
  Counts counts_;
};

TEST(CongestionWindow, LetsManyClientsShareAServerThatCannotDoWhatTheyWant) {
  BusyServer server;
  server.run(5'000);
  const auto [taken, refused] = server.run(50'000);
  EXPECT_EQ(taken, 50'000U * BusyServer::answers_per_moment) << "it always has something to do";
  EXPECT_LT(refused, taken / 100) << "hardly anything travels in vain";
  EXPECT_GT(server.least_served(), taken / BusyServer::clients / 2) << "nobody starves";
}

}  // namespace
}  // namespace parley::client
