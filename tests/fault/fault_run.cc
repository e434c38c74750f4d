#include "tests/fault/fault_run.h"

#include <gtest/gtest.h>

#include <charconv>
#include <cstdio>
#include <cstdlib>

#include "proto/channel.h"
#include "tests/fault/killer.h"

namespace parley::test {
namespace {

std::string test_name() {
  const auto* info = testing::UnitTest::GetInstance()->current_test_info();
  return std::string(info->test_suite_name()) + "." + info->name();
}

void keep(const History& history) {
  const char* folder = std::getenv("PARLEY_FAULT_HISTORY");
  if (folder == nullptr) return;
  const Status saved = history.save(std::string(folder) + "/" + test_name() + ".jsonl");
  EXPECT_TRUE(saved) << saved.error().detail;
}

}  // namespace

Duration fault_length() {
  const char* text = std::getenv("PARLEY_FAULT_SECONDS");
  std::int64_t seconds = 15;
  if (text != nullptr) std::from_chars(text, text + std::string_view(text).size(), seconds);
  return std::chrono::seconds(seconds);
}

ClusterOptions busy_cluster() {
  return {
      .worker_environment = {"PARLEY_LOGIN_HASH_OPERATIONS=1", "PARLEY_LOGIN_HASH_MEMORY_KIB=64"},
      .gateway_environment = {
          "PARLEY_LIMITS_FRAMES_PER_SECOND=0", "PARLEY_LIMITS_MESSAGES_PER_SECOND=0",
          "PARLEY_LIMITS_PER_ORIGIN_PRE_AUTH_MAX=0", "PARLEY_LIMITS_PER_ORIGIN_PER_SECOND=0"}};
}

FaultRun run_with_kills(const FaultRunOptions& options) {
  init_crypto();
  FaultRun run;
  Cluster cluster(options.cluster);
  if (!cluster.ready() || !cluster.wait_ready()) {
    ADD_FAILURE() << "the cluster does not come up";
    return run;
  }
  ChatWorkload chat(cluster, options.chat);
  EXPECT_TRUE(chat.log_in());
  Killer killer(cluster, options.victims, options.pace);
  chat.run(options.length);
  killer.stop();
  run.everything_acknowledged = chat.finish_sending();
  run.visible_errors = chat.visible_errors();
  EXPECT_TRUE(cluster.wait_ready());
  run.everybody_in_step = chat.settle();
  chat.history().merge(killer.faults());
  keep(chat.history());
  const double seconds = std::chrono::duration<double>(options.length).count();
  run.verdict =
      judge(chat.history(),
            {.acked = static_cast<std::size_t>(seconds * options.acked_per_second_min),
             .effective_faults = static_cast<std::size_t>(options.length / options.pace) / 2});
  std::printf("%s: %zu kills; %s; %s\n", test_name().c_str(), killer.kills(),
              chat.figures().c_str(), describe(run.verdict).c_str());
  return run;
}

}  // namespace parley::test
