// The manners of every program: bad configuration is refused with the place and a code of its own.
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "base/process.h"
#include "cli/data_directory.h"
#include "tests/support/eventually.h"
#include "tests/support/program.h"

namespace parley::test {
namespace {

using testing::HasSubstr;

const std::vector<std::string> processes{"parley-broker", "parley-gateway", "parley-worker"};

class ProgramsTest : public testing::Test {
 protected:
  ProgramsTest() {
    std::string name = testing::TempDir() + "/programs_XXXXXX";
    dir_ = mkdtemp(name.data());
  }
  ~ProgramsTest() override { std::filesystem::remove_all(dir_); }

  Ran run_with(const std::string& program, const std::string& config) {
    std::ofstream(dir_ + "/config.toml") << config;
    return run_program({program, "--config", dir_ + "/config.toml", "--check"});
  }

  std::string dir_;
};

TEST_F(ProgramsTest, UnknownKeyIsRefusedWithItsLine) {
  for (const std::string& program : processes) {
    const Ran ran = run_with(program, "[bus]\n\n[broker]\n[gateway]\n[worker]\nnmae = \"x\"\n");
    EXPECT_EQ(ran.code, exit_config) << program;
    EXPECT_THAT(ran.output, HasSubstr("config.toml:")) << program;
  }
}

TEST_F(ProgramsTest, WrongTypeIsRefusedWithItsLine) {
  for (const std::string& program : processes) {
    const std::string section = program.substr(std::string("parley-").size());
    const Ran ran = run_with(program, "[" + section + "]\nname = 7\n");
    EXPECT_EQ(ran.code, exit_config) << program;
    EXPECT_THAT(ran.output, HasSubstr("config.toml:2: ")) << program;
  }
}

TEST_F(ProgramsTest, ConfigurationThatIsMissingIsRefused) {
  for (const std::string& program : processes)
    EXPECT_EQ(run_program({program, "--config", dir_ + "/nowhere.toml"}).code, exit_config);
}

TEST_F(ProgramsTest, TypoInTheEnvironmentIsRefused) {
  EXPECT_EQ(run_program({"parley-gateway", "--check"}, {"PARLEY_GATEWAY_LISTNE=127.0.0.1:1"}).code,
            exit_config);
}

TEST_F(ProgramsTest, UnknownOptionIsAMatterOfUsage) {
  for (const std::string& program : processes)
    EXPECT_EQ(run_program({program, "--nonsense"}).code, exit_usage) << program;
  EXPECT_EQ(run_program({"parley", "nonsense"}).code, exit_usage);
  EXPECT_EQ(run_program({"parley"}).code, exit_usage);
}

TEST_F(ProgramsTest, EachSaysItsVersion) {
  for (const std::string& program : processes) {
    const Ran ran = run_program({program, "--version"});
    EXPECT_EQ(ran.code, exit_ok);
    EXPECT_THAT(ran.output, testing::StartsWith(program + " "));
  }
}

TEST_F(ProgramsTest, GatewayRefusesABadPort) {
  ASSERT_EQ(run_program({"parley", "key", "server", dir_ + "/key"}).code, exit_ok);
  for (const char* listen : {"127.0.0.1:65536", "127.0.0.1:x", "127.0.0.1"}) {
    std::ofstream(dir_ + "/config.toml")
        << "[gateway]\nlisten = [\"" << listen << "\"]\nkeys = [\"" << dir_ << "/key\"]\n"
        << "[bus]\nbrokers = [\"ipc://" << dir_ << "/broker\"]\n";
    const Ran ran = run_program({"parley-gateway", "--config", dir_ + "/config.toml"});
    EXPECT_EQ(ran.code, exit_config) << listen << ": " << ran.output;
  }
}

TEST_F(ProgramsTest, GatewayRefusesAPortInUseAndAKeyThatOthersMayRead) {
  ASSERT_EQ(run_program({"parley", "key", "server", dir_ + "/key"}).code, exit_ok);
  const std::string config =
      "[gateway]\nlisten = [\"127.0.0.1:0\"]\nport_file = \"" + dir_ + "/port\"\n" +
      "keys = [\"" + dir_ + "/key\"]\n[bus]\nbrokers = [\"ipc://" + dir_ + "/broker\"]\n";
  std::ofstream(dir_ + "/first.toml") << config;
  RunningProgram first({"parley-gateway", "--config", dir_ + "/first.toml"});
  ASSERT_TRUE(eventually(std::chrono::seconds(20),
                         [&] { return std::filesystem::exists(dir_ + "/port"); }));
  std::string port = read_file(dir_ + "/port").value();
  port.pop_back();
  const Ran second = run_program({"parley-gateway", "--config", dir_ + "/first.toml"},
                                 {"PARLEY_GATEWAY_LISTEN=127.0.0.1:" + port});
  EXPECT_EQ(second.code, exit_runtime);
  EXPECT_THAT(second.output, HasSubstr("127.0.0.1:" + port));

  std::filesystem::permissions(dir_ + "/key", std::filesystem::perms::others_read,
                               std::filesystem::perm_options::add);
  EXPECT_EQ(run_program({"parley-gateway", "--config", dir_ + "/first.toml"}).code, exit_config);
}

// etc/*.toml are what people copy: every key, its meaning, its default.
TEST_F(ProgramsTest, ExampleConfigurationsAreWhatTheProgramsPrint) {
  const std::string source = std::getenv("PARLEY_TEST_SOURCE");
  for (const std::string& program : processes) {
    const std::string example = source + "/etc/" + program + ".toml";
    const Ran ran = run_program({program, "--print-config"});
    EXPECT_EQ(ran.output, read_file(example).value_or("missing"))
        << "print it again: " << program << " --print-config > etc/" << program << ".toml";
    EXPECT_EQ(run_program({program, "--config", example, "--check"}).code, exit_ok) << program;
  }
}

}  // namespace
}  // namespace parley::test
