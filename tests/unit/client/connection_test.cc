#include "client/connection.h"

#include <gmock/gmock.h>

#include <csignal>

namespace parley::client {
namespace {

struct Closed : Connection::Handler {
  void on_open() override { ADD_FAILURE() << "nobody is there"; }
  void on_frame(const Frame&) override {}
  void on_closed(const Error& why) override { reasons.push_back(why.code); }
  std::vector<Errc> reasons;
};

TEST(Connection, AHostThatCannotBeANameIsAnErrorAndNotTheEnd) {
  Loop loop;
  Network network(loop);
  Closed handler;
  Connection connection(network, handler);
  for (const std::string& host : {std::string(5'000, 'x'), std::string("\xff\xfe")}) {
    handler.reasons.clear();
    connection.open({host, 1}, {});
    EXPECT_THAT(handler.reasons, testing::ElementsAre(Errc::disconnected)) << host;
    EXPECT_FALSE(connection.is_open());
  }
}

class SigpipeTest : public testing::Test {
 protected:
  ~SigpipeTest() override { std::signal(SIGPIPE, before_); }
  static void handler_of_theirs(int) {}
  static auto after_network() {
    Loop loop;
    const Network network(loop);
    struct sigaction now {};
    sigaction(SIGPIPE, nullptr, &now);
    return now.sa_handler;
  }
  decltype(SIG_DFL) before_ = std::signal(SIGPIPE, SIG_DFL);
};

TEST_F(SigpipeTest, IsIgnoredOnceThereIsANetwork) { EXPECT_EQ(after_network(), SIG_IGN); }

TEST_F(SigpipeTest, AProgramThatHandlesItKeepsItsHandler) {
  std::signal(SIGPIPE, handler_of_theirs);
  EXPECT_EQ(after_network(), handler_of_theirs);
}

}  // namespace
}  // namespace parley::client
