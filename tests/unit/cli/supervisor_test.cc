#include "cli/supervisor.h"

#include <gmock/gmock.h>

namespace parley {
namespace {

using Child = Supervisor::Child;
using Kind = Supervisor::Kind;

// Two servers' stages, a task between them, as `parley up` has them. Actions are recorded as words.
class SupervisorTest : public testing::Test {
 protected:
  SupervisorTest()
      : supervisor_({{.name = "db", .stage = 0},
                     {.name = "migrate", .stage = 1, .kind = Kind::task},
                     {.name = "worker", .stage = 2},
                     {.name = "gateway", .stage = 3}},
                    {}, Random(1)) {}

  static constexpr std::size_t db = 0, migrate = 1, worker = 2, gateway = 3;

  std::vector<std::string> happened() {
    static const std::vector<std::string> names{"db", "migrate", "worker", "gateway"};
    std::vector<std::string> words;
    const auto add = [&](const char* what, std::size_t child) {
      words.push_back(what + names[child]);
    };
    for (const auto& action : supervisor_.take_actions()) {
      if (auto* a = std::get_if<Supervisor::Start>(&action)) add("start ", a->child);
      if (auto* a = std::get_if<Supervisor::Stop>(&action)) add("stop ", a->child);
      if (auto* a = std::get_if<Supervisor::Kill>(&action)) add("kill ", a->child);
      if (std::holds_alternative<Supervisor::AllReady>(action)) words.push_back("all ready");
      if (auto* a = std::get_if<Supervisor::Died>(&action))
        add(a->crash_loop ? "crash loop " : "died ", a->child);
      if (auto* a = std::get_if<Supervisor::Finished>(&action))
        words.push_back(a->failed ? "finished, failed " + names[*a->failed] : "finished");
    }
    return words;
  }

  void make_ready() {
    supervisor_.begin(now_);
    supervisor_.on_ready(db, now_);
    supervisor_.on_exit(migrate, true, now_);
    supervisor_.on_ready(worker, now_);
    supervisor_.on_ready(gateway, now_);
    happened();
  }

  // Lets the pause of a backing off child pass.
  void pass_pause() {
    now_ = supervisor_.next_deadline().value();
    supervisor_.tick(now_);
  }

  Instant now_{1h};
  Supervisor supervisor_;
};

using testing::ElementsAre;
using testing::IsEmpty;

TEST_F(SupervisorTest, StartsAStageOnlyWhenTheOneBeforeIsReady) {
  supervisor_.begin(now_);
  EXPECT_THAT(happened(), ElementsAre("start db"));
  supervisor_.on_ready(db, now_);
  EXPECT_THAT(happened(), ElementsAre("start migrate"));
  supervisor_.on_exit(migrate, true, now_);
  EXPECT_THAT(happened(), ElementsAre("start worker"));
  supervisor_.on_ready(worker, now_);
  supervisor_.on_ready(gateway, now_);
  EXPECT_THAT(happened(), ElementsAre("start gateway", "all ready"));
}

TEST_F(SupervisorTest, DoesNotTakeATaskForDoneBecauseItWasStarted) {
  supervisor_.begin(now_);
  supervisor_.on_ready(db, now_);
  supervisor_.on_ready(migrate, now_);
  EXPECT_THAT(happened(), ElementsAre("start db", "start migrate"));
}

TEST_F(SupervisorTest, StopsInReverseOrderEachStageAfterTheOneAboveHasEnded) {
  make_ready();
  supervisor_.stop(now_);
  EXPECT_THAT(happened(), ElementsAre("stop gateway"));
  supervisor_.on_exit(gateway, true, now_);
  EXPECT_THAT(happened(), ElementsAre("stop worker"));
  supervisor_.on_exit(worker, true, now_);
  EXPECT_THAT(happened(), ElementsAre("stop db"));
  supervisor_.on_exit(db, true, now_);
  EXPECT_THAT(happened(), ElementsAre("finished"));
}

TEST_F(SupervisorTest, EndsTheStartWhenAChildDiesBeforeEverythingWasReady) {
  supervisor_.begin(now_);
  supervisor_.on_ready(db, now_);
  supervisor_.on_exit(migrate, false, now_);
  EXPECT_THAT(happened(), ElementsAre("start db", "start migrate", "stop db"));
  supervisor_.on_exit(db, true, now_);
  EXPECT_THAT(happened(), ElementsAre("finished, failed migrate"));
}

TEST_F(SupervisorTest, KillsAChildThatDoesNotBecomeReadyInTime) {
  supervisor_.begin(now_);
  happened();
  EXPECT_EQ(supervisor_.next_deadline(), now_ + 30s);
  supervisor_.tick(now_ + 30s);
  EXPECT_THAT(happened(), ElementsAre("kill db"));
  supervisor_.on_ready(db, now_ + 30s);  // too late
  supervisor_.on_exit(db, false, now_ + 31s);
  EXPECT_THAT(happened(), ElementsAre("finished, failed db"));
}

TEST_F(SupervisorTest, StartsAgainWhatDiesAfterAPauseAndWithoutTouchingTheOthers) {
  make_ready();
  supervisor_.on_exit(worker, false, now_);
  EXPECT_THAT(happened(), ElementsAre("died worker"));
  supervisor_.tick(now_);
  EXPECT_THAT(happened(), IsEmpty()) << "no pause";
  pass_pause();
  EXPECT_THAT(happened(), ElementsAre("start worker"));
  EXPECT_EQ(supervisor_.restarts(worker), 1u);
  supervisor_.on_ready(worker, now_);
  EXPECT_THAT(happened(), IsEmpty()) << "ready is said once, and no stage starts twice";
}

TEST_F(SupervisorTest, TakesAnUnaskedCleanExitForADeath) {
  make_ready();
  supervisor_.on_exit(worker, true, now_);
  EXPECT_THAT(happened(), ElementsAre("died worker"));
}

TEST_F(SupervisorTest, PausesLongerWithEachDeath) {
  make_ready();
  Duration former{};
  for (int death = 0; death < 5; ++death) {
    supervisor_.on_exit(worker, false, now_);
    const Duration pause = supervisor_.next_deadline().value() - now_;
    EXPECT_GE(pause, former / 2);  // half of it is jitter
    EXPECT_GE(pause, 50ms * (1 << death));
    former = pause;
    pass_pause();
    supervisor_.on_ready(worker, now_);
  }
}

TEST_F(SupervisorTest, ReportsACrashLoopAndGoesOnTryingSlowly) {
  make_ready();
  for (int death = 0; death < 5; ++death) {
    supervisor_.on_exit(worker, false, now_);
    pass_pause();
  }
  happened();
  supervisor_.on_exit(worker, false, now_);
  EXPECT_THAT(happened(), ElementsAre("crash loop worker"));
  EXPECT_EQ(supervisor_.next_deadline(), now_ + 30s);
  pass_pause();
  EXPECT_THAT(happened(), ElementsAre("start worker"));
}

TEST_F(SupervisorTest, ForgetsDeathsThatAreLongAgo) {
  make_ready();
  for (int death = 0; death < 20; ++death) {
    supervisor_.on_exit(worker, false, now_);
    EXPECT_LE(supervisor_.next_deadline().value() - now_, 100ms);
    pass_pause();
    supervisor_.on_ready(worker, now_);
    EXPECT_THAT(happened(), ElementsAre("died worker", "start worker"));
    now_ += 61s;
  }
}

TEST_F(SupervisorTest, KillsWhatDoesNotStopInTime) {
  make_ready();
  supervisor_.stop(now_);
  happened();
  supervisor_.tick(now_ + 9s);
  EXPECT_THAT(happened(), IsEmpty());
  supervisor_.tick(now_ + 10s);
  EXPECT_THAT(happened(), ElementsAre("kill gateway"));
  supervisor_.tick(now_ + 20s);
  EXPECT_THAT(happened(), IsEmpty()) << "killed once, then waited for";
  supervisor_.on_exit(gateway, false, now_ + 20s);
  EXPECT_THAT(happened(), ElementsAre("stop worker"));
}

TEST_F(SupervisorTest, DoesNotStartAnythingOnceItStops) {
  make_ready();
  supervisor_.on_exit(worker, false, now_);
  supervisor_.stop(now_);
  happened();
  supervisor_.tick(now_ + 5s);
  EXPECT_THAT(happened(), IsEmpty());
  supervisor_.on_exit(gateway, true, now_ + 5s);
  EXPECT_THAT(happened(), ElementsAre("stop db"));
}

TEST_F(SupervisorTest, StopsInTheMiddleOfTheStart) {
  supervisor_.begin(now_);
  happened();
  supervisor_.stop(now_);
  EXPECT_THAT(happened(), ElementsAre("stop db"));
  supervisor_.on_ready(db, now_);
  supervisor_.on_exit(db, true, now_);
  EXPECT_THAT(happened(), ElementsAre("finished"));
}

TEST_F(SupervisorTest, CopesWithAChildOfALowerStageThatDiesWhileItStops) {
  make_ready();
  supervisor_.stop(now_);
  supervisor_.on_exit(db, false, now_);
  supervisor_.on_exit(gateway, true, now_);
  supervisor_.on_exit(worker, true, now_);
  EXPECT_THAT(happened(), ElementsAre("stop gateway", "stop worker", "finished"));
}

TEST_F(SupervisorTest, NamesTheStateOfEachChild) {
  EXPECT_EQ(supervisor_.state_name(db), "waiting");
  make_ready();
  EXPECT_EQ(supervisor_.state_name(migrate), "ended");
  EXPECT_EQ(supervisor_.state_name(worker), "running");
  supervisor_.on_exit(worker, false, now_);
  EXPECT_EQ(supervisor_.state_name(worker), "backing off");
}

}  // namespace
}  // namespace parley
