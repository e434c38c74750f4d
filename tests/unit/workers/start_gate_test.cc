#include "workers/start_gate.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

namespace parley {
namespace {

struct Gate : testing::Test {
  Loop loop;
  int asked = 0;
  int opened = 0;
  std::optional<Error> refused;

  void run(const std::function<Status()>& check) {
    StartGate gate(loop,
                   {.check = [&] { return ++asked, check(); },
                    .open =
                        [&] {
                          ++opened;
                          loop.stop();
                        },
                    .refused =
                        [&](const Error& error) {
                          refused = error;
                          loop.stop();
                        }},
                   Random(1), {.first = 1ms, .longest = 2ms});
    loop.run();
  }
};

TEST_F(Gate, OpensAtOnceWhenTheDatabaseCanServe) {
  run([] { return Status(); });
  EXPECT_EQ(asked, 1);
  EXPECT_EQ(opened, 1);
}

TEST_F(Gate, WaitsForADatabaseThatIsAwayAndSaysSoOnce) {
  testing::internal::CaptureStderr();
  run([&]() -> Status {
    if (asked < 4) return fail(Errc::retry_later, "no server");
    return {};
  });
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_EQ(asked, 4);
  EXPECT_EQ(opened, 1);
  const auto first = log.find("database.awaited");
  EXPECT_NE(first, std::string::npos) << log;
  EXPECT_EQ(log.find("database.awaited", first + 1), std::string::npos) << log;
}

TEST_F(Gate, GivesUpOnADatabaseThatNeverWill) {
  run([]() -> Status { return fail(Errc::config, "fsync is off"); });
  EXPECT_EQ(asked, 1);
  EXPECT_EQ(opened, 0);
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->detail, "fsync is off");
}

}  // namespace
}  // namespace parley
