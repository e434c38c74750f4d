// With real children; each ends within milliseconds.
#include "cli/spawn.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <poll.h>
#include <unistd.h>

#include <thread>

#include "tests/support/eventually.h"

namespace parley {
namespace {

using namespace std::chrono_literals;
using test::eventually;

// A shell command as a child, and what it wrote.
class Child {
 public:
  explicit Child(const std::string& command, Program program = {}, int kept = -1) {
    EXPECT_EQ(pipe2(pipe_, O_CLOEXEC | O_NONBLOCK), 0);
    if (program.arguments.empty()) program.arguments = {"/bin/sh", "-c", command};
    auto started = Process::start(program, {.output = pipe_[1], .kept = kept});
    EXPECT_TRUE(started) << started.error().detail;
    process_.emplace(std::move(*started));
    close(pipe_[1]);
  }
  ~Child() { close(pipe_[0]); }

  Exit wait() {
    pollfd ended{process_->ended_fd(), POLLIN, 0};
    EXPECT_EQ(poll(&ended, 1, 10'000), 1) << "still runs";
    return process_->poll_exit().value_or(Exit{-1, -1});
  }
  std::string output() {
    EXPECT_TRUE(eventually(10s, [&] { return read_some() == 0; }));
    return output_;
  }
  bool said(const std::string& word) {
    return eventually(10s, [&] { return read_some(), output_.find(word) != std::string::npos; });
  }
  Process& process() { return *process_; }

 private:
  ssize_t read_some() {
    char buffer[4096];
    const ssize_t got = read(pipe_[0], buffer, sizeof buffer);
    if (got > 0) output_.append(buffer, static_cast<std::size_t>(got));
    return got;
  }
  int pipe_[2] = {-1, -1};
  std::optional<Process> process_;
  std::string output_;
};

bool alive(pid_t pid) { return kill(pid, 0) == 0; }

TEST(Spawn, TellsHowAChildEnded) {
  EXPECT_TRUE(Child("true").wait().ok());
  EXPECT_EQ(describe(Child("exit 3").wait()), "exit code 3");
  EXPECT_EQ(describe(Child("kill -9 $$").wait()), "signal 9 (Killed)");
}

TEST(Spawn, SaysWhyAProgramCannotBeStarted) {
  const auto result = Process::start({.arguments = {"/no/such/program"}}, {.output = 2});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().detail, "/no/such/program: No such file or directory");
}

TEST(Spawn, GivesOutputAndEnvironmentAndNoInput) {
  setenv("PARLEY_SPAWN_TEST", "ours", 1);
  Child child("echo $PARLEY_SPAWN_TEST $OTHER; echo problem >&2; cat",
              {.environment = {"PARLEY_SPAWN_TEST=theirs", "OTHER=new"}});
  EXPECT_EQ(child.output(), "theirs new\nproblem\n");
  EXPECT_TRUE(child.wait().ok());
}

TEST(Spawn, ChildHasAProcessGroupOfItsOwn) {
  Child child("echo up; while :; do sleep 0.01; done");
  ASSERT_TRUE(child.said("up"));
  EXPECT_EQ(getpgid(child.process().pid()), child.process().pid());
  child.process().signal(SIGTERM);
  EXPECT_EQ(child.wait().signal, SIGTERM);
}

// No shell in between: it would unblock them itself.
TEST(Spawn, ChildDoesNotInheritBlockedSignals) {
  sigset_t term, former;
  sigemptyset(&term);
  sigaddset(&term, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &term, &former);
  Child child("", {.arguments = {"/bin/grep", "SigBlk", "/proc/self/status"}});
  pthread_sigmask(SIG_SETMASK, &former, nullptr);
  EXPECT_EQ(child.output(), "SigBlk:\t0000000000000000\n");
}

TEST(Spawn, ChildDiesWithTheThreadThatStartedIt) {
  std::optional<Child> child;
  std::thread starter([&] {
    child.emplace("echo up; while :; do sleep 0.01; done");
    ASSERT_TRUE(child->said("up"));
    EXPECT_TRUE(alive(child->process().pid()));
  });
  starter.join();
  EXPECT_EQ(child->wait().signal, SIGKILL);
}

TEST(Spawn, DestroyingAProcessKillsAndReapsIt) {
  pid_t pid = 0;
  {
    Child child("while :; do sleep 0.01; done");
    pid = child.process().pid();
  }
  EXPECT_FALSE(alive(pid)) << "still there, or a zombie";
}

TEST(Spawn, RunsWhereItIsToldTo) {
  EXPECT_EQ(Child("pwd").output(), "/\n");
  EXPECT_EQ(Child("pwd", {.directory = "/usr"}).output(), "/usr\n");
}

}  // namespace
}  // namespace parley
