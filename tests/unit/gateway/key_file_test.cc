#include "gateway/key_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/unit/gateway/channel_peer.h"

namespace parley::test {
namespace {

struct TempDir {
  std::filesystem::path path;
  TempDir() {
    std::string pattern = std::filesystem::temp_directory_path() / "parley-keys-XXXXXX";
    path = mkdtemp(pattern.data());
  }
  ~TempDir() { std::filesystem::remove_all(path); }
};

TEST(KeyFile, WhatIsCreatedIsLoaded) {
  init_crypto();
  TempDir dir;
  const std::string path = dir.path / "key";
  const auto made = create_key_file(path, 12);
  ASSERT_TRUE(made);
  struct stat info{};
  ASSERT_EQ(stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0600U);
  const auto loaded = load_key_file(path);
  ASSERT_TRUE(loaded);
  EXPECT_EQ(loaded->id, 12);
  EXPECT_EQ(loaded->public_key, made->public_key);
  EXPECT_EQ(loaded->secret_key, made->secret_key);
}

TEST(KeyFile, AnExistingOneIsNotOverwritten) {
  init_crypto();
  TempDir dir;
  const std::string path = dir.path / "key";
  ASSERT_TRUE(create_key_file(path, 1));
  const auto again = create_key_file(path, 1);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Errc::conflict);
}

TEST(KeyFile, ThatOthersMayReadIsRefused) {
  init_crypto();
  TempDir dir;
  const std::string path = dir.path / "key";
  ASSERT_TRUE(create_key_file(path, 1));
  ASSERT_EQ(chmod(path.c_str(), 0644), 0);
  EXPECT_FALSE(load_key_file(path));
}

TEST(KeyText, MalformedOnesAreRefused) {
  init_crypto();
  const std::string good = print_key(test_key());
  ASSERT_TRUE(parse_key(good));
  const std::string digits = good.substr(good.find(' ') + 1, 64);
  for (const std::string& bad :
       {std::string(), std::string("7"), "7 " + digits.substr(1), "7 " + digits + "0",
        "70000 " + digits, "-1 " + digits, "x " + digits, "7  " + digits, " 7 " + digits,
        "7 " + digits.substr(0, 63) + "g", "7:" + digits, "7 +" + digits.substr(1)})
    EXPECT_FALSE(parse_key(bad)) << bad;
}

TEST(KeyText, AnExampleIsNoSecret) {
  init_crypto();
  EXPECT_FALSE(parse_key("1 " + std::string(64, '0')));
  EXPECT_FALSE(parse_key("1 " + std::string(64, 'f')));
}

TEST(Pin, IsWhatAClientNeeds) {
  const auto pin = parse_pin(pin_text(test_key()));
  ASSERT_TRUE(pin);
  EXPECT_EQ(pin->id, test_key().id);
  EXPECT_EQ(pin->key, test_key().public_key);
  EXPECT_FALSE(parse_pin("7"));
  EXPECT_FALSE(parse_pin("7:abc"));
}

}  // namespace
}  // namespace parley::test
