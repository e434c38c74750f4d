#include "base/loop.h"

#include <csignal>
#include <thread>

namespace parley {
namespace {

TEST(Loop, ATimerFiresOnceOrAgainAndAgain) {
  Loop loop;
  int once = 0;
  int often = 0;
  Timer first(loop, [&] { ++once; });
  Timer second(loop, [&] {
    if (++often == 3) loop.stop();
  });
  first.once(1ms);
  second.every(2ms);
  loop.run();
  EXPECT_EQ(once, 1);
  EXPECT_EQ(often, 3);
}

TEST(Loop, AStoppedTimerStaysSilent) {
  Loop loop;
  Timer stopped(loop, [] { FAIL(); });
  Timer end(loop, [&] { loop.stop(); });
  stopped.once(1ms);
  stopped.stop();
  end.once(5ms);
  loop.run();
}

TEST(Loop, AnotherThreadWakesIt) {
  Loop loop;
  Wakeup wakeup(loop, [&] { loop.stop(); });
  std::jthread other([&] { wakeup.notify(); });
  loop.run();
}

TEST(Loop, BeforeBlockRunsEachTurn) {
  Loop loop;
  int turns = 0;
  BeforeBlock hook(loop, [&] { ++turns; });
  Timer tick(loop, [&] {
    if (turns >= 3) loop.stop();
  });
  tick.every(1ms);
  loop.run();
  EXPECT_GE(turns, 3);
}

TEST(Loop, ATerminationSignalArrivesInTheLoopsThread) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  Loop loop;
  bool told = false;
  TerminationSignal signal(loop, [&] {
    told = true;
    loop.stop();
  });
  raise(SIGTERM);
  loop.run();
  EXPECT_TRUE(told);
}

}  // namespace
}  // namespace parley
