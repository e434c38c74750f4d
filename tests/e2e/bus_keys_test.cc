// `parley key …` and what parley-broker, parley-gateway and parley-worker make of keys: as an operator types it.
#include <gmock/gmock.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "base/process.h"
#include "cli/data_directory.h"
#include "tests/support/program.h"

namespace parley::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class BusKeyCommands : public testing::Test {
 protected:
  BusKeyCommands() {
    std::string name = testing::TempDir() + "/bus_keys_XXXXXX";
    dir_ = mkdtemp(name.data());
    list_ = dir_ + "/allowed";
  }
  ~BusKeyCommands() override { fs::remove_all(dir_); }

  Ran key(std::vector<std::string> words) const {
    words.insert(words.begin(), {"parley", "key"});
    return run_program(words);
  }
  // The public half, of a new pair.
  std::string make(const std::string& name) const {
    const Ran ran = key({"bus", dir_ + "/" + name});
    EXPECT_EQ(ran.code, exit_ok) << ran.output;
    return ran.output.substr(0, ran.output.find('\n'));
  }
  std::vector<std::string> broker_environment() const {
    return {"PARLEY_BROKER_GATEWAYS=tcp://127.0.0.1:*", "PARLEY_BROKER_WORKERS=tcp://127.0.0.1:*"};
  }
  Ran broker(const std::vector<std::string>& further) const {
    std::vector<std::string> environment = broker_environment();
    environment.insert(environment.end(), further.begin(), further.end());
    return run_program({"parley-broker"}, environment);
  }

  std::string dir_;
  std::string list_;
};

TEST_F(BusKeyCommands, MakeShowAllowListRotateAndRevoke) {
  const std::string crm = make("crm");
  EXPECT_EQ(crm.size(), 40u);
  EXPECT_EQ(key({"show", dir_ + "/crm"}).output, crm + "\n");
  EXPECT_EQ(key({"bus", dir_ + "/crm"}).code, exit_runtime) << "it must not be overwritten";
  EXPECT_EQ(key({"show", dir_ + "/crm"}).output, crm + "\n");
  EXPECT_EQ(key({"allow", list_, "business", "crm", crm}).code, exit_ok);
  EXPECT_EQ(key({"allow", list_, "worker", "w", make("w") + "x"}).code, exit_config);
  EXPECT_EQ(key({"allow", list_, "worker", "w", dir_ + "/w"}).code, exit_ok) << "a pair's file";
  EXPECT_EQ(key({"allow", list_, "owner", "x", make("x")}).code, exit_config);
  EXPECT_THAT(key({"list", list_}).output, HasSubstr("business  crm"));
  const Ran rotated = key({"rotate", list_, dir_ + "/crm"});
  EXPECT_EQ(rotated.code, exit_ok);
  EXPECT_THAT(rotated.output, HasSubstr("parley key revoke '" + list_ + "' -- '" + crm + "'"));
  EXPECT_THAT(key({"list", list_}).output, HasSubstr("crm has 2 keys"));
  EXPECT_EQ(key({"revoke", list_, "--", crm}).code, exit_ok);
  EXPECT_EQ(key({"revoke", list_, crm}).code, exit_runtime);
  EXPECT_EQ(key({"nonsense"}).code, exit_usage);
  EXPECT_EQ(key({}).code, exit_usage);
}

// As another program may make it.
TEST_F(BusKeyCommands, AKeyThatBeginsWithADashIsGivenAfterTwo) {
  const std::string foreign = "-" + make("crm").substr(1);
  EXPECT_EQ(key({"allow", list_, "business", "crm", "--", foreign}).code, exit_ok);
  EXPECT_THAT(key({"list", list_}).output, HasSubstr(foreign.substr(0, 8)));
  EXPECT_EQ(key({"revoke", list_, "--", foreign}).code, exit_ok);
}

TEST_F(BusKeyCommands, ABrokerRefusesTcpWithoutKeysAndSaysHow) {
  const Ran refused = broker({});
  EXPECT_EQ(refused.code, exit_config);
  EXPECT_THAT(refused.output, HasSubstr("parley key bus"));
}

TEST_F(BusKeyCommands, ABrokerRefusesKeysAndListsThatItCannotTrust) {
  make("broker");
  const std::string file = "PARLEY_BROKER_KEY_FILE=" + dir_ + "/broker";
  const std::string allowed = "PARLEY_BROKER_ALLOWED_KEYS=" + list_;
  EXPECT_EQ(broker({file}).code, exit_config) << "they go together";
  EXPECT_EQ(broker({allowed}).code, exit_config) << "they go together";
  EXPECT_EQ(broker({file, allowed}).code, exit_config) << "there is no list";
  std::ofstream(list_) << "worker w nonsense\n";
  fs::permissions(list_, fs::perms::owner_read | fs::perms::owner_write);
  const Ran broken = broker({file, allowed});
  EXPECT_EQ(broken.code, exit_config);
  EXPECT_THAT(broken.output, HasSubstr(list_ + ":1: "));
  std::ofstream(list_) << "";
  fs::permissions(list_, fs::perms::others_write, fs::perm_options::add);
  EXPECT_EQ(broker({file, allowed}).code, exit_config) << "anybody could let himself in";
  fs::permissions(list_, fs::perms::others_write, fs::perm_options::remove);
  fs::permissions(dir_ + "/broker", fs::perms::group_read, fs::perm_options::add);
  const Ran readable = broker({file, allowed});
  EXPECT_EQ(readable.code, exit_config) << "its secret is everybody's";
  const std::string secret = read_file(dir_ + "/broker")->substr(41, 40);
  EXPECT_THAT(readable.output, testing::Not(HasSubstr(secret)));
}

TEST_F(BusKeyCommands, PeersRefuseTcpWithoutTheBrokersKey) {
  const std::string broker_key = make("broker");
  ASSERT_EQ(key({"server", dir_ + "/server"}).code, exit_ok);
  const std::vector<std::string> gateway{"PARLEY_GATEWAY_KEYS=" + dir_ + "/server",
                                         "PARLEY_GATEWAY_LISTEN=127.0.0.1:0"};
  const auto run = [&](const std::string& brokers) {
    std::vector<std::string> environment = gateway;
    environment.push_back("PARLEY_BUS_BROKERS=" + brokers);
    return run_program({"parley-gateway"}, environment).code;
  };
  EXPECT_EQ(run("tcp://127.0.0.1:1"), exit_config);
  EXPECT_EQ(run("tcp://127.0.0.1:1 " + broker_key), exit_config) << "and no pair of its own";
  EXPECT_EQ(run("tcp://127.0.0.1:1 nonsense"), exit_config);
  EXPECT_EQ(run_program({"parley-worker", "all"}, {"PARLEY_BUS_BROKERS=tcp://127.0.0.1:1"}).code,
            exit_config);
}

// SIGHUP: an operator who has edited the list does not want to wait.
TEST_F(BusKeyCommands, ABrokerTakesAChangedListAtSighup) {
  make("broker");
  ASSERT_EQ(key({"allow", list_, "worker", "w", make("w")}).code, exit_ok);
  std::vector<std::string> environment = broker_environment();
  environment.push_back("PARLEY_BROKER_KEY_FILE=" + dir_ + "/broker");
  environment.push_back("PARLEY_BROKER_ALLOWED_KEYS=" + list_);
  RunningProgram program({"parley-broker"}, environment);
  constexpr Duration soon = std::chrono::seconds(10);
  ASSERT_TRUE(program.says("broker.ready", soon)) << program.output();
  ASSERT_EQ(key({"allow", list_, "admin", "root", make("root")}).code, exit_ok);
  program.process().signal(SIGHUP);
  EXPECT_TRUE(program.says("\"event\":\"broker.key_list_taken\",\"keys\":2", soon))
      << program.output();
}

}  // namespace
}  // namespace parley::test
