// Starts a whole Parley and lets the foreign client loose on it.
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>

#include <cstdlib>

#include "tests/support/cluster.h"

namespace parley {
namespace {

// The exit code of a Python program of this folder; its output is ours.
int run_python(const std::string& program, const std::vector<std::string>& arguments) {
  const char* source = std::getenv("PARLEY_TEST_SOURCE");
  const std::string path = std::string(source ? source : ".") + "/tests/e2e/python/" + program;
  std::vector<std::string> words{"/usr/bin/python3", "-B", path};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);

  pid_t child = 0;
  if (posix_spawn(&child, argv[0], nullptr, nullptr, argv.data(), environ) != 0) return -1;
  int status = 0;
  if (waitpid(child, &status, 0) != child || !WIFEXITED(status)) return -1;
  return WEXITSTATUS(status);
}

TEST(ForeignClient, WrittenFromTheReadmeAloneConversesWithARealServer) {
  test::Cluster cluster;
  ASSERT_TRUE(cluster.ready());
  EXPECT_EQ(run_python("foreign_client_test.py", {cluster.gateway(), cluster.pin()}), 0);
}

}  // namespace
}  // namespace parley
