#include "cli/bus_keys.h"

#include <gmock/gmock.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "cli/data_directory.h"

namespace parley {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class BusKeysTest : public testing::Test {
 protected:
  BusKeysTest() {
    std::string name = testing::TempDir() + "/bus_keys_XXXXXX";
    dir_ = mkdtemp(name.data());
    list_ = dir_ + "/allowed";
  }
  ~BusKeysTest() override { fs::remove_all(dir_); }

  static KeyEntry entry(Role role, const std::string& names) {
    return {role, names, make_curve_key_pair().public_key};
  }
  std::vector<KeyEntry> listed() const {
    const auto list = KeyList::parse(read_file(list_).value_or(""), list_);
    EXPECT_TRUE(list) << list.error().detail;
    return list ? list->entries() : std::vector<KeyEntry>();
  }
  mode_t mode() const {
    struct stat found {};
    stat(list_.c_str(), &found);
    return found.st_mode & 07777;
  }
  void write_list(const std::string& text, mode_t mode = 0600) const {
    std::ofstream(list_) << text;
    chmod(list_.c_str(), mode);
  }

  std::string dir_;
  std::string list_;
};

TEST_F(BusKeysTest, AllowMakesTheListAndAddsToIt) {
  const KeyEntry first = entry(Role::worker, "worker-*");
  const KeyEntry second = entry(Role::business, "crm");
  ASSERT_TRUE(allow_key(list_, first));
  EXPECT_EQ(mode(), 0600u);
  ASSERT_TRUE(allow_key(list_, second));
  EXPECT_EQ(listed(), (std::vector{first, second}));
  EXPECT_EQ(allow_key(list_, first).error().code, Errc::conflict);
  EXPECT_EQ(listed().size(), 2u);
  EXPECT_FALSE(fs::exists(list_ + ".next"));
}

TEST_F(BusKeysTest, AnEditKeepsCommentsAndMode) {
  const KeyEntry mine = entry(Role::admin, "root");
  const KeyEntry other = entry(Role::worker, "w");
  write_list("# ours\nworker w " + other.key + "\n# the end\n", 0644);
  ASSERT_TRUE(allow_key(list_, mine));
  const auto revoked = revoke_key(list_, other.key);
  ASSERT_TRUE(revoked);
  EXPECT_EQ(*revoked, other);
  EXPECT_EQ(read_file(list_).value(), "# ours\n# the end\nadmin root " + mine.key + "\n");
  EXPECT_EQ(mode(), 0644u);
}

TEST_F(BusKeysTest, ABrokenOrUnsafeListIsNotTouched) {
  const std::string broken = "worker w nonsense\n";
  write_list(broken);
  EXPECT_EQ(allow_key(list_, entry(Role::worker, "w")).error().code, Errc::config);
  EXPECT_FALSE(describe_keys(list_));
  EXPECT_EQ(read_file(list_).value(), broken);
  write_list("", 0666);
  EXPECT_EQ(allow_key(list_, entry(Role::worker, "w")).error().code, Errc::config);
  fs::rename(list_, dir_ + "/elsewhere");
  chmod((dir_ + "/elsewhere").c_str(), 0600);
  fs::create_symlink(dir_ + "/elsewhere", list_);
  EXPECT_EQ(allow_key(list_, entry(Role::worker, "w")).error().code, Errc::config);
  EXPECT_EQ(read_file(dir_ + "/elsewhere").value(), "");
}

TEST_F(BusKeysTest, RevokingWhatIsNotThereSaysSo) {
  EXPECT_EQ(revoke_key(list_, entry(Role::worker, "w").key).error().code, Errc::config);
  ASSERT_TRUE(allow_key(list_, entry(Role::worker, "w")));
  EXPECT_EQ(revoke_key(list_, entry(Role::worker, "w").key).error().code, Errc::not_found);
}

TEST_F(BusKeysTest, ARotationMakesTheNextPairWithTheSameRights) {
  const std::string file = dir_ + "/worker.key";
  const auto former = create_key_pair(file);
  ASSERT_TRUE(former);
  EXPECT_EQ(rotate_key(list_, file).error().code, Errc::config) << "no list";
  ASSERT_TRUE(allow_key(list_, entry(Role::worker, "w")));
  EXPECT_EQ(rotate_key(list_, file).error().code, Errc::not_found);
  ASSERT_TRUE(allow_key(list_, {Role::worker, "worker-1", former->public_key}));

  const auto rotation = rotate_key(list_, file);
  ASSERT_TRUE(rotation) << rotation.error().detail;
  const auto next = load_key_pair(rotation->next_file);
  ASSERT_TRUE(next) << next.error().detail;
  EXPECT_EQ(listed()[1], (KeyEntry{Role::worker, "worker-1", former->public_key}));
  EXPECT_EQ(listed()[2], (KeyEntry{Role::worker, "worker-1", next->public_key}));
  EXPECT_EQ(load_key_pair(file).value(), *former) << "the peer still runs with it";
  EXPECT_EQ(rotate_key(list_, file).error().code, Errc::conflict) << "one at a time";
  EXPECT_EQ(listed().size(), 3u);
  EXPECT_THAT(describe_keys(list_).value(), HasSubstr("! worker worker-1 has 2 keys"));
}

// As a crash leaves it.
TEST_F(BusKeysTest, ARotationGoesOnWithAPairThatHasNoLineYet) {
  const auto former = create_key_pair(dir_ + "/worker.key");
  ASSERT_TRUE(allow_key(list_, {Role::worker, "worker-1", former->public_key}));
  const auto begun = create_key_pair(dir_ + "/worker.key.new");

  const auto rotation = rotate_key(list_, dir_ + "/worker.key");
  ASSERT_TRUE(rotation) << rotation.error().detail;
  EXPECT_EQ(rotation->next_key, begun->public_key);
  EXPECT_EQ(load_key_pair(dir_ + "/worker.key.new").value(), *begun);
  ASSERT_EQ(listed().size(), 2u);
  EXPECT_EQ(listed()[1], (KeyEntry{Role::worker, "worker-1", begun->public_key}));
}

TEST_F(BusKeysTest, ARotationThatFindsNoRoomLeavesNothingBehind) {
  const std::string file = dir_ + "/worker.key";
  const auto former = create_key_pair(file);
  const KeyEntry mine{Role::worker, "worker-1", former->public_key};
  ASSERT_TRUE(allow_key(list_, mine));
  const std::string full = read_file(list_).value() +
                           std::string(key_list_bytes_max - read_file(list_).value().size(), '\n');
  write_list(full);

  EXPECT_FALSE(rotate_key(list_, file));
  EXPECT_FALSE(fs::exists(file + ".new"));
  EXPECT_EQ(read_file(list_).value(), full);
  write_list("");
  ASSERT_TRUE(allow_key(list_, mine));
  EXPECT_TRUE(rotate_key(list_, file));
}

TEST_F(BusKeysTest, ARotationThatFailsKeepsAPairThatItDidNotMake) {
  const std::string file = dir_ + "/worker.key";
  const auto former = create_key_pair(file);
  ASSERT_TRUE(allow_key(list_, {Role::worker, "worker-1", former->public_key}));
  const auto begun = create_key_pair(file + ".new");
  fs::create_directory(list_ + ".next");  // where the longer list would be written
  EXPECT_FALSE(rotate_key(list_, file));
  EXPECT_EQ(load_key_pair(file + ".new").value(), *begun);
  fs::remove(list_ + ".next");
  EXPECT_TRUE(rotate_key(list_, file));
}

TEST_F(BusKeysTest, AKeyIsGivenAsItselfOrAsItsFile) {
  const auto pair = create_key_pair(dir_ + "/crm.key");
  EXPECT_EQ(public_key_from(pair->public_key).value(), pair->public_key);
  EXPECT_EQ(public_key_from(dir_ + "/crm.key").value(), pair->public_key);
  EXPECT_FALSE(public_key_from(dir_ + "/nothing"));
  EXPECT_EQ(make_bus_key(dir_ + "/crm.key").value(), pair->public_key) << "there is one";
  EXPECT_EQ(create_key_pair(dir_ + "/crm.key").error().code, Errc::conflict);
}

// Compared as a whole: a key may itself contain what oddities begin with.
TEST_F(BusKeysTest, ADescriptionShowsNoWholeKeyAndNamesWhatIsOdd) {
  const KeyEntry plain = entry(Role::gateway, "gateway-1");
  const KeyEntry any = entry(Role::admin, "*");
  ASSERT_TRUE(allow_key(list_, plain));
  const std::string line =
      "gateway   gateway-1                       " + plain.key.substr(0, 8) + "…\n";
  EXPECT_EQ(describe_keys(list_).value(), line);
  ASSERT_TRUE(allow_key(list_, any));
  EXPECT_EQ(describe_keys(list_).value(),
            line + "admin     *                               " + any.key.substr(0, 8) + "…\n" +
                "! admin * is valid under every name\n");
}

TEST_F(BusKeysTest, NoneOfManyEditsAtOnceIsLost) {
  ASSERT_TRUE(allow_key(list_, entry(Role::worker, "w")));
  std::vector<std::thread> editors;
  for (int editor = 0; editor < 4; ++editor)
    editors.emplace_back([this] {
      for (int i = 0; i < 10; ++i) EXPECT_TRUE(allow_key(list_, entry(Role::worker, "b*")));
    });
  for (std::thread& editor : editors) editor.join();
  EXPECT_EQ(listed().size(), 41u);
}

}  // namespace
}  // namespace parley
