// `parley up` as an operator sees it: real processes, real signals.
#include <gmock/gmock.h>
#include <signal.h>

#include <filesystem>

#include "base/process.h"
#include "cli/data_directory.h"
#include "cli/up_file.h"
#include "tests/e2e/people.h"
#include "tests/support/eventually.h"
#include "tests/support/program.h"

namespace parley::test {
namespace {

using testing::HasSubstr;

constexpr Duration up_limit = 60s;

class UpTest : public testing::Test {
 protected:
  UpTest() {
    std::string name = testing::TempDir() + "/up with space_XXXXXX";
    dir_ = std::filesystem::canonical(mkdtemp(name.data()));
    std::filesystem::permissions(dir_, std::filesystem::perms::others_exec,
                                 std::filesystem::perm_options::add);
    data_ = dir_ + "/data";
  }
  ~UpTest() override { std::filesystem::remove_all(dir_); }

  std::vector<std::string> up(const std::string& listen = "127.0.0.1:0") const {
    return {"parley", "up",        "--data", data_,       "--listen",
            listen,   "--brokers", "1",      "--workers", "1"};
  }
  UpFile file() const { return read_up_file(data_).value_or(UpFile{}); }
  bool is_running() const { return file().state == "running"; }
  pid_t pid_of(const std::string& name) const {
    for (const UpFile::Process& process : file().processes)
      if (process.name == name) return process.pid;
    return 0;
  }
  // Processes that were started with this data directory: servers too, whoever their parent is.
  std::size_t processes() const {
    std::size_t count = 0;
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator("/proc", ignored)) {
      const std::string words = read_file(entry.path() / "cmdline").value_or("");
      const auto cwd = std::filesystem::read_symlink(entry.path() / "cwd", ignored).string();
      if (words.find(data_) != std::string::npos || cwd.starts_with(data_)) ++count;
    }
    return count;
  }

  std::string dir_;
  std::string data_;
};

TEST_F(UpTest, StartsStopsAndStartsAgainWithWhatItHad) {
  RunningProgram first(up());
  ASSERT_TRUE(first.says("Parley runs", up_limit)) << first.output();
  EXPECT_THAT(first.output(), HasSubstr("parley chat --data '" + data_ + "' alice bob"));
  const std::string pin = file().pin;
  {
    // An account made now is an account later.
    World world(file().gateways, pin);
    Device alice(world, "alice");
    EXPECT_TRUE(alice.sign_up());
  }
  first.process().signal(SIGTERM);
  EXPECT_TRUE(first.wait(up_limit).ok()) << first.output();
  EXPECT_THAT(first.output(), HasSubstr("Stopped."));
  EXPECT_EQ(processes(), 0u);
  EXPECT_EQ(file().state, "stopped");

  RunningProgram second(up());
  ASSERT_TRUE(second.says("Parley runs", 15s)) << "the second start takes seconds";
  EXPECT_EQ(file().pin, pin);
  World world(file().gateways, pin);
  Device alice(world, "alice");
  EXPECT_TRUE(alice.log_in(Device::password));
  alice.switch_off();
  second.process().signal(SIGINT);
  EXPECT_TRUE(second.wait(up_limit).ok());
}

TEST_F(UpTest, SecondFamilyInTheSameDirectoryIsRefusedInOneLine) {
  RunningProgram first(up());
  ASSERT_TRUE(first.says("Parley runs", up_limit)) << first.output();
  const Ran second = run_program(up());
  EXPECT_EQ(second.code, exit_runtime);
  EXPECT_THAT(second.output, HasSubstr("is in use: parley up runs there as process " +
                                       std::to_string(first.process().pid())));
  EXPECT_EQ(std::count(second.output.begin(), second.output.end(), '\n'), 1);
  first.process().signal(SIGTERM);
  EXPECT_TRUE(first.wait(up_limit).ok());
}

TEST_F(UpTest, WhatDiesIsStartedAgain) {
  RunningProgram program(up());
  ASSERT_TRUE(program.says("Parley runs", up_limit)) << program.output();
  for (const char* name : {"worker-1", "gateway-1", "broker-1", "redis", "postgres"}) {
    const pid_t before = pid_of(name);
    ASSERT_GT(before, 0) << name;
    kill(before, SIGKILL);
    EXPECT_TRUE(eventually(up_limit, [&] {
      const pid_t now = pid_of(name);
      return now != 0 && now != before;
    })) << name;
    EXPECT_TRUE(program.says(std::string(name) + " ended (signal 9 (Killed)); started again", 5s));
  }
  EXPECT_TRUE(eventually(
      up_limit, [&] { return run_program({"parley", "status", "--data", data_}).code == 0; }));
  World world(file().gateways, file().pin);
  Device alice(world, "alice");
  EXPECT_TRUE(alice.sign_up()) << "everything works again";
  alice.switch_off();
  program.process().signal(SIGTERM);
  EXPECT_TRUE(program.wait(up_limit).ok());
}

TEST_F(UpTest, WhatDrainsIsStartedAgain) {
  RunningProgram program(up());
  ASSERT_TRUE(program.says("Parley runs", up_limit)) << program.output();
  for (const char* name : {"worker-1", "gateway-1", "broker-1"}) {
    const pid_t before = pid_of(name);
    const Ran drained =
        run_program({"parley", "drain", "--data", data_, name, "--force", "--wait"});
    EXPECT_EQ(drained.code, 0) << drained.output;
    EXPECT_THAT(drained.output, HasSubstr(std::string(name) + " is back\n"));
    EXPECT_TRUE(program.says(std::string(name) + " ended (exit code 0); started again", 5s))
        << program.output();
    EXPECT_NE(pid_of(name), before);
  }
  program.process().signal(SIGTERM);
  EXPECT_TRUE(program.wait(up_limit).ok());
}

TEST_F(UpTest, RequestsOfAUserAreFoundByHisName) {
  RunningProgram program(up());
  ASSERT_TRUE(program.says("Parley runs", up_limit)) << program.output();
  World world(file().gateways, file().pin);
  Device alice(world, "alice");
  ASSERT_TRUE(alice.sign_up());
  const Ran found = run_program({"parley", "trace", "--data", data_, "--user", "alice"});
  EXPECT_EQ(found.code, 0);
  EXPECT_THAT(found.output, HasSubstr(" login.password "));
  const Ran nobody = run_program({"parley", "trace", "--data", data_, "--user", "bob"});
  EXPECT_EQ(nobody.code, exit_runtime);
  EXPECT_THAT(nobody.output, HasSubstr("there is no user bob"));
  alice.switch_off();
  program.process().signal(SIGTERM);
  EXPECT_TRUE(program.wait(up_limit).ok());
}

TEST_F(UpTest, KilledItLeavesNothingBehindAndNothingInTheWay) {
  {
    RunningProgram program(up());
    ASSERT_TRUE(program.says("Parley runs", up_limit)) << program.output();
    EXPECT_GT(processes(), 5u);
    program.process().signal(SIGKILL);
    program.wait(5s);
  }
  EXPECT_THAT(run_program({"parley", "status", "--data", data_}).output,
              HasSubstr("nothing runs in " + data_));
  EXPECT_TRUE(eventually(15s, [&] { return processes() == 0; })) << "something lives on";
  RunningProgram again(up());
  ASSERT_TRUE(again.says("Parley runs", up_limit)) << again.output();
  again.process().signal(SIGTERM);
  EXPECT_TRUE(again.wait(up_limit).ok());
}

TEST_F(UpTest, KilledItCanBeStartedAgainAtOnce) {
  std::optional<RunningProgram> program(std::in_place, up());
  ASSERT_TRUE(program->says("Parley runs", up_limit)) << program->output();
  program->process().signal(SIGKILL);
  program.emplace(up());
  EXPECT_TRUE(program->says("Parley runs", up_limit)) << program->output();
  program->process().signal(SIGTERM);
  EXPECT_TRUE(program->wait(up_limit).ok());
}

TEST_F(UpTest, PortInUseIsSaidAndNothingIsLeftRunning) {
  RunningProgram first(up());
  ASSERT_TRUE(first.says("Parley runs", up_limit)) << first.output();
  const std::string taken = file().gateways.at(0);
  std::vector<std::string> words = up(taken);
  words[3] = dir_ + "/other";
  const Ran second = run_program(words);
  EXPECT_EQ(second.code, exit_runtime);
  EXPECT_THAT(second.output, HasSubstr(taken + " is in use by another program"));
  first.process().signal(SIGTERM);
  EXPECT_TRUE(first.wait(up_limit).ok());
}

TEST_F(UpTest, NonsenseIsRefusedBeforeAnythingIsStarted) {
  EXPECT_EQ(run_program(up("nonsense")).code, exit_config);
  EXPECT_EQ(run_program({"parley", "up"}).code, exit_usage);
  EXPECT_EQ(run_program({"parley", "up", "--data", data_, "--workers", "0"}).code, exit_usage);
  EXPECT_EQ(processes(), 0u);
}

TEST_F(UpTest, SaysWhyWhenNothingCanBeStarted) {
  { ASSERT_TRUE(DataDirectory::claim(data_)); }
  for (const char* server : {"postgres", "redis"})
    std::filesystem::create_directory(data_ + "/log/" + server + ".log");
  const Ran ran = run_program(up());
  EXPECT_EQ(ran.code, exit_runtime) << ran.output;
  EXPECT_THAT(ran.output, HasSubstr("parley up: postgres did not start (it cannot be started: " +
                                    data_ + "/log/postgres.log: Is a directory)"));
  EXPECT_EQ(processes(), 0u);
}

// As the lines that `parley up` prints suggest it, without a terminal.
TEST_F(UpTest, PeopleWriteToEachOtherFromTheCommandLine) {
  RunningProgram program(up());
  ASSERT_TRUE(program.says("Parley runs", up_limit)) << program.output();
  ASSERT_TRUE(write_file(dir_ + "/password", Device::password));
  const std::vector<std::string> environment{"PARLEY_PASSWORD_FILE=" + dir_ + "/password",
                                             "XDG_STATE_HOME=" + dir_ + "/state"};
  for (const char* name : {"alice", "bob"}) {
    const Ran made =
        run_program({"parley", "chat", "--data", data_, "--register", name}, environment);
    EXPECT_EQ(made.code, 0) << made.output;
  }
  for (const char* number : {"1\n", "2\n"}) {
    const Ran sent = run_program(
        {"parley", "send", "--data", data_, "alice", "--to", "bob", "good morning"}, environment);
    EXPECT_EQ(sent.code, 0);
    EXPECT_EQ(sent.output, number);
  }
  const Ran read = run_program({"parley", "chat", "--data", data_, "bob", "alice"}, environment);
  EXPECT_EQ(read.code, 0) << read.output;
  EXPECT_THAT(read.output, HasSubstr("good morning"));

  const Ran nobody = run_program(
      {"parley", "send", "--data", data_, "alice", "--to", "nobody", "hello?"}, environment);
  EXPECT_EQ(nobody.code, exit_runtime) << nobody.output;
  EXPECT_EQ(run_program({"parley", "send", "alice", "--to", "bob", "hello?"}, environment).code,
            exit_config)
      << "no server was named";
  program.process().signal(SIGTERM);
  EXPECT_TRUE(program.wait(up_limit).ok());
}

TEST_F(UpTest, StopInTheMiddleOfTheStartIsClean) {
  RunningProgram program(up());
  ASSERT_TRUE(eventually(up_limit, [&] { return pid_of("postgres") != 0; }));
  program.process().signal(SIGTERM);
  EXPECT_TRUE(program.wait(up_limit).ok()) << program.output();
  EXPECT_TRUE(eventually(5s, [&] { return processes() == 0; }));
}

TEST_F(UpTest, SocketsFindAPlaceHoweverLongThePathIsAndAreGoneAfterTheStop) {
  data_ = dir_ + "/" + std::string(100, 'd');
  RunningProgram program(up());
  ASSERT_TRUE(program.says("Parley runs", up_limit)) << program.output();
  const UpFile ran = file();
  const std::string redis = ran.redis.substr(std::string("unix://").size());
  const std::string before_name = "host=%2Ftmp%2F";
  const std::size_t host = ran.database.find(before_name) + before_name.size();
  const std::string directories[] = {
      std::filesystem::path(redis).parent_path(),
      "/tmp/" + ran.database.substr(host, ran.database.find('&') - host)};
  for (const std::string& sockets : directories)
    EXPECT_TRUE(std::filesystem::is_directory(sockets)) << sockets;

  program.process().signal(SIGTERM);
  EXPECT_TRUE(program.wait(up_limit).ok());
  for (const std::string& sockets : directories)
    EXPECT_FALSE(std::filesystem::exists(sockets)) << sockets;
}

TEST(Demo, EndsWithOk) {
  RunningProgram demo({"parley", "demo"});
  EXPECT_TRUE(demo.wait(120s).ok()) << demo.output();
  EXPECT_THAT(demo.output(), testing::EndsWith("\ndemo: ok\n"));
}

TEST(Status, SaysWhenNothingRuns) {
  const Ran ran = run_program({"parley", "status", "--data", "/nowhere"});
  EXPECT_EQ(ran.code, exit_runtime);
  EXPECT_THAT(ran.output, HasSubstr("no `parley up` ever ran in /nowhere"));
}

}  // namespace
}  // namespace parley::test
