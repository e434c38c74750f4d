// `parley verify` as an operator uses it: against a `parley up`, healthy, disturbed, and defective.
#include <gmock/gmock.h>
#include <signal.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/process.h"
#include "cli/terminal_account.h"
#include "cli/up_file.h"
#include "tests/support/program.h"
#include "tests/support/swapped_worker.h"

namespace parley::test {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr Duration up_limit = 60s;
constexpr Duration verify_limit = 150s;

std::string content(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

Ran verify(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"parley", "verify"});
  RunningProgram program(std::move(arguments));
  const Exit exit = program.wait(verify_limit);
  return {exit.signal == 0 ? exit.code : -exit.signal, program.output()};
}

// A `parley up` in a directory of its own.
class VerifyTest : public testing::Test {
 protected:
  VerifyTest() {
    std::string name = testing::TempDir() + "/verify_XXXXXX";
    dir_ = std::filesystem::canonical(mkdtemp(name.data()));
    std::filesystem::permissions(dir_, std::filesystem::perms::others_exec,
                                 std::filesystem::perm_options::add);
    data_ = dir_ + "/data";
    history_ = dir_ + "/history.jsonl";
  }
  ~VerifyTest() override {
    if (up_) {
      up_->process().signal(SIGTERM);
      EXPECT_TRUE(up_->wait(up_limit).ok()) << up_->output();
    }
    std::filesystem::remove_all(dir_);
  }

  void bring_up() {
    up_.emplace(std::vector<std::string>{"parley", "up", "--data", data_, "--listen",
                                         "127.0.0.1:0"});
    ASSERT_TRUE(up_->says("Parley runs", up_limit)) << up_->output();
  }
  UpFile file() const { return read_up_file(data_).value_or(UpFile{}); }

  std::string dir_;
  std::string data_;
  std::string history_;
  std::optional<RunningProgram> up_;
};

TEST_F(VerifyTest, AHealthySystemIsValidAndItsHistoryIsJudgedAlikeAgain) {
  bring_up();
  const Ran run = verify({"--data", data_, "--seconds", "4", "--history", history_});
  EXPECT_EQ(run.code, exit_ok) << run.output;
  EXPECT_THAT(run.output, HasSubstr("Registers 4 test accounts, verify-"));
  EXPECT_THAT(run.output, HasSubstr("verify: valid"));
  EXPECT_THAT(run.output, Not(HasSubstr("not covered"))) << "it was told where everything is";

  const Ran again = verify({"--check", history_});
  EXPECT_EQ(again.code, exit_ok) << again.output;

  // The database's copy of one message says something else.
  std::string text = content(history_);
  const std::size_t row = text.rfind(R"("f":"row")");
  const std::size_t body = text.rfind(R"("body":)", row);
  ASSERT_NE(body, std::string::npos);
  char& digit = text.at(text.find(',', body) - 1);
  digit = digit == '1' ? '2' : '1';
  std::ofstream(history_) << text;
  const Ran tampered = verify({"--check", history_});
  EXPECT_EQ(tampered.code, exit_runtime) << tampered.output;
  EXPECT_THAT(tampered.output, HasSubstr("A3"));
}

TEST_F(VerifyTest, FromAfarItSaysWhatItCouldNotSee) {
  bring_up();
  const Ran run = verify({"--gateway", file().gateways.front(), "--pin", file().pin, "--seconds",
                          "2", "--pairs", "1"});
  EXPECT_EQ(run.code, exit_ok) << run.output;
  EXPECT_THAT(run.output, HasSubstr("not covered: A8"));
  EXPECT_THAT(run.output, HasSubstr("not covered: L4"));
}

TEST_F(VerifyTest, ItsFaultsTakeHoldAndAreSurvived) {
  bring_up();
  const Ran run = verify({"--data", data_, "--seconds", "12", "--faults",
                          "kill-worker,stop-broker", "--history", history_});
  EXPECT_EQ(run.code, exit_ok) << run.output;
  EXPECT_THAT(content(history_), HasSubstr(R"("kind":"kill-worker")"));
  EXPECT_THAT(content(history_), HasSubstr(R"("kind":"stop-broker")"));
  std::uint64_t restarts = 0;
  for (const UpFile::Process& process : file().processes) restarts += process.restarts;
  EXPECT_GE(restarts, 1u);
}

TEST_F(VerifyTest, AWorkerThatAcknowledgesBeforeItCommitsIsFound) {
  const SwappedWorker swapped("parley-worker-early-ack");
  bring_up();
  const Ran run = verify({"--data", data_, "--seconds", "10", "--faults", "kill-worker"});
  EXPECT_EQ(run.code, exit_runtime) << run.output;
  EXPECT_THAT(run.output, HasSubstr("verify: invalid"));
  EXPECT_THAT(run.output, HasSubstr("A1 x"));
}

TEST_F(VerifyTest, WhatProvesNothingIsUnknown) {
  std::ofstream(history_) << R"({"i":1,"t":1,"p":"nemesis","type":"obs","f":"fault",)"
                          << R"("kind":"kill-worker","target":"worker-1","before":5,"after":5})"
                          << '\n';
  const Ran run = verify({"--check", history_});
  EXPECT_EQ(run.code, exit_retry) << run.output;
  EXPECT_THAT(run.output, HasSubstr("verify: unknown"));
  EXPECT_THAT(run.output, HasSubstr("0 of 1 faults took hold"));
}

TEST_F(VerifyTest, WrongOptionsAreRefusedAndSayWhy) {
  EXPECT_EQ(verify({"--gateway", "127.0.0.1:1", "--pin", "x", "--faults", "kill-worker"}).code,
            exit_usage);
  EXPECT_EQ(verify({"--account", "alice"}).code, exit_usage);
  EXPECT_EQ(verify({}).code, exit_config);
  EXPECT_EQ(verify({"--check", dir_ + "/nothing"}).code, exit_runtime);
  EXPECT_EQ(verify({"--data", data_}).code, exit_config);
}

}  // namespace
}  // namespace parley::test
