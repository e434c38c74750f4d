// An event loop of one thread (libuv behind it), and what can wake it. Nothing here is thread-safe
// but Wakeup::notify. Everything that takes a Loop& must be destroyed before it.
#pragma once

#include <csignal>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <utility>

#include "base/clock.h"

struct uv_loop_s;

namespace parley {

class Loop {
 public:
  Loop();
  ~Loop();  // closes what is left; aborts if a handle outlives it
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Turns until stop() is called or nothing is left that could happen.
  void run();
  // Ends run() after the current turn. Owner thread only.
  void stop();
  // Stands still within a turn.
  Instant now() const;
  // For the few files that own sockets (tests/tidy.py lists them).
  uv_loop_s* raw() { return loop_.get(); }

 private:
  std::unique_ptr<uv_loop_s> loop_;
};

// Calls `fire` once or repeatedly. Restarting replaces the former deadline.
class Timer {
 public:
  Timer(Loop& loop, std::function<void()> fire);
  ~Timer();
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  void once(Duration after);
  void every(Duration period);
  void stop();

 private:
  struct Handle;
  Handle* handle_;
};

// Lets any thread wake the loop: `fire` runs in the loop's thread soon after notify(). Several
// notifies may become one call.
class Wakeup {
 public:
  Wakeup(Loop& loop, std::function<void()> fire);
  ~Wakeup();
  Wakeup(const Wakeup&) = delete;
  Wakeup& operator=(const Wakeup&) = delete;
  void notify();

 private:
  struct Handle;
  Handle* handle_;
};

// Calls `fire` once per turn, just before the loop blocks: the place to flush what a turn has
// gathered.
class BeforeBlock {
 public:
  BeforeBlock(Loop& loop, std::function<void()> fire);
  ~BeforeBlock();
  BeforeBlock(const BeforeBlock&) = delete;
  BeforeBlock& operator=(const BeforeBlock&) = delete;

 private:
  struct Handle;
  Handle* handle_;
};

// Calls `fire` whenever a file descriptor can be read or has come to its end; a regular file can always be
// read. `fire` must read, or stop. The descriptor stays the caller's and must outlive this object.
class Readable {
 public:
  Readable(Loop& loop, int fd, std::function<void()> fire);
  ~Readable();
  Readable(const Readable&) = delete;
  Readable& operator=(const Readable&) = delete;
  void stop();

 private:
  struct Handle;
  Handle* handle_;
};

// Signals as calls in the loop's thread. Requires: they are blocked in every thread (run_process blocks
// SIGTERM, SIGINT and SIGHUP).
class Signals {
 public:
  Signals(Loop& loop, std::initializer_list<int> numbers, std::function<void()> fire);
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

 private:
  struct Handle;
  Handle* handle_;
  int fd_;
};

// SIGTERM and SIGINT: an orderly end is wanted.
class TerminationSignal : public Signals {
 public:
  TerminationSignal(Loop& loop, std::function<void()> fire)
      : Signals(loop, {SIGTERM, SIGINT}, std::move(fire)) {}
};

// SIGHUP: configuration has changed.
class ReloadSignal : public Signals {
 public:
  ReloadSignal(Loop& loop, std::function<void()> fire)
      : Signals(loop, {SIGHUP}, std::move(fire)) {}
};

}  // namespace parley
