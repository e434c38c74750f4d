#include "base/loop.h"

#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>
#include <uv.h>

#include <algorithm>
#include <atomic>
#include <utility>

#include "base/assert.h"

namespace parley {
namespace {

std::uint64_t ms_rounded_up(Duration d) {
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(d).count();
  return static_cast<std::uint64_t>(std::max<std::int64_t>(ms, 0));
}

// Handles are freed by libuv's close callback, after the owner is gone.
template <typename Handle>
void close_and_free(Handle* handle) {
  handle->fire = nullptr;
  uv_close(reinterpret_cast<uv_handle_t*>(&handle->uv),
           [](uv_handle_t* uv) { delete static_cast<Handle*>(uv->data); });
}

template <typename Handle, typename Uv>
void fire_of(Uv* uv) {
  auto* handle = static_cast<Handle*>(uv->data);
  if (handle->fire) handle->fire();
}

}  // namespace

Loop::Loop() : loop_(std::make_unique<uv_loop_s>()) {
  PARLEY_ASSERT(uv_loop_init(loop_.get()) == 0);
}

Loop::~Loop() {
  uv_run(loop_.get(), UV_RUN_NOWAIT);  // runs the close callbacks that are due
  PARLEY_ASSERT(uv_loop_close(loop_.get()) == 0);
}

void Loop::run() { uv_run(loop_.get(), UV_RUN_DEFAULT); }
void Loop::stop() { uv_stop(loop_.get()); }

Instant Loop::now() const {
  // uv_now is CLOCK_MONOTONIC in milliseconds, like steady_clock on Linux.
  return Instant(std::chrono::milliseconds(uv_now(loop_.get())));
}

struct Timer::Handle {
  uv_timer_t uv{};
  std::function<void()> fire;
};

Timer::Timer(Loop& loop, std::function<void()> fire) : handle_(new Handle) {
  handle_->fire = std::move(fire);
  handle_->uv.data = handle_;
  uv_timer_init(loop.raw(), &handle_->uv);
}

Timer::~Timer() { close_and_free(handle_); }

void Timer::once(Duration after) {
  uv_timer_start(&handle_->uv, fire_of<Handle, uv_timer_t>, ms_rounded_up(after), 0);
}

void Timer::every(Duration period) {
  const std::uint64_t ms = ms_rounded_up(period);
  uv_timer_start(&handle_->uv, fire_of<Handle, uv_timer_t>, ms, ms);
}

void Timer::stop() { uv_timer_stop(&handle_->uv); }

// Not uv_async: its sender marks the end of its call after the write that wakes the loop, and the loop spins
// until it has. Where the loop's thread preempts the sender (fewer cores than threads) that is a spin
// of tens of microseconds per wake: an eighth of an otherwise idle worker's time, by perf.
struct Wakeup::Handle {
  uv_poll_t uv{};
  std::function<void()> fire;
  int fd = -1;
  std::atomic<bool> notified = false;
};

Wakeup::Wakeup(Loop& loop, std::function<void()> fire) : handle_(new Handle) {
  handle_->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  PARLEY_ASSERT(handle_->fd >= 0);
  handle_->fire = [handle = handle_, fire = std::move(fire)] {
    eventfd_t count;
    if (eventfd_read(handle->fd, &count) != 0) return;
    // Before `fire` looks: whoever comes later wakes us again.
    handle->notified.exchange(false);
    fire();
  };
  handle_->uv.data = handle_;
  PARLEY_ASSERT(uv_poll_init(loop.raw(), &handle_->uv, handle_->fd) == 0);
  uv_poll_start(&handle_->uv, UV_READABLE, [](uv_poll_t* uv, int, int) { fire_of<Handle>(uv); });
}

Wakeup::~Wakeup() {
  uv_poll_stop(&handle_->uv);
  close(handle_->fd);
  close_and_free(handle_);
}

void Wakeup::notify() {
  if (!handle_->notified.exchange(true)) PARLEY_ASSERT(eventfd_write(handle_->fd, 1) == 0);
}

struct BeforeBlock::Handle {
  uv_prepare_t uv{};
  std::function<void()> fire;
};

BeforeBlock::BeforeBlock(Loop& loop, std::function<void()> fire) : handle_(new Handle) {
  handle_->fire = std::move(fire);
  handle_->uv.data = handle_;
  uv_prepare_init(loop.raw(), &handle_->uv);
  uv_prepare_start(&handle_->uv, fire_of<Handle, uv_prepare_t>);
}

BeforeBlock::~BeforeBlock() { close_and_free(handle_); }

struct Readable::Handle {
  union Any {
    uv_handle_t base;
    uv_poll_t poll;
    uv_idle_t idle;
  } uv{};
  std::function<void()> fire;
};

Readable::Readable(Loop& loop, int fd, std::function<void()> fire) : handle_(new Handle) {
  handle_->fire = std::move(fire);
  const int code = uv_poll_init(loop.raw(), &handle_->uv.poll, fd);
  if (code == 0) {
    uv_poll_start(&handle_->uv.poll, UV_READABLE | UV_DISCONNECT,
                  [](uv_poll_t* uv, int, int) { fire_of<Handle>(uv); });
  } else {
    // epoll refuses what never blocks: regular files, /dev/null.
    PARLEY_ASSERT(code == UV_EPERM);
    uv_idle_init(loop.raw(), &handle_->uv.idle);
    uv_idle_start(&handle_->uv.idle, fire_of<Handle, uv_idle_t>);
  }
  handle_->uv.base.data = handle_;
}

Readable::~Readable() {
  stop();
  handle_->fire = nullptr;
  uv_close(&handle_->uv.base, [](uv_handle_t* uv) { delete static_cast<Handle*>(uv->data); });
}

void Readable::stop() {
  if (handle_->uv.base.type == UV_POLL) uv_poll_stop(&handle_->uv.poll);
  else uv_idle_stop(&handle_->uv.idle);
}

struct Signals::Handle {
  uv_poll_t uv{};
  std::function<void()> fire;
};

Signals::Signals(Loop& loop, std::initializer_list<int> numbers, std::function<void()> fire)
    : handle_(new Handle), fd_(-1) {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : numbers) sigaddset(&set, number);
  fd_ = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
  PARLEY_ASSERT(fd_ >= 0);
  handle_->fire = [fd = fd_, fire = std::move(fire)] {
    signalfd_siginfo info;
    if (read(fd, &info, sizeof info) == sizeof info) fire();
  };
  handle_->uv.data = handle_;
  PARLEY_ASSERT(uv_poll_init(loop.raw(), &handle_->uv, fd_) == 0);
  uv_poll_start(&handle_->uv, UV_READABLE, [](uv_poll_t* uv, int, int) { fire_of<Handle>(uv); });
}

Signals::~Signals() {
  uv_poll_stop(&handle_->uv);
  close_and_free(handle_);
  close(fd_);
}

}  // namespace parley
