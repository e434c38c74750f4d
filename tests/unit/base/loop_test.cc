#include "base/loop.h"

#include <unistd.h>

#include <csignal>
#include <cstdio>
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

// Reads `fd` to its end through a Readable.
std::string read_all(int fd) {
  Loop loop;
  std::string all;
  Readable readable(loop, fd, [&] {
    char buffer[16];
    const ssize_t got = read(fd, buffer, sizeof buffer);
    if (got > 0) all.append(buffer, static_cast<std::size_t>(got));
    else loop.stop();
  });
  loop.run();
  return all;
}

TEST(Loop, APipeIsReadToItsEnd) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  ASSERT_EQ(write(ends[1], "more than sixteen bytes", 23), 23);
  close(ends[1]);
  EXPECT_EQ(read_all(ends[0]), "more than sixteen bytes");
  close(ends[0]);
}

TEST(Loop, ARegularFileIsReadToItsEndAlthoughItCannotBePolled) {
  std::FILE* file = std::tmpfile();
  std::fputs("more than sixteen bytes", file);
  std::rewind(file);
  EXPECT_EQ(read_all(fileno(file)), "more than sixteen bytes");
  std::fclose(file);
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
