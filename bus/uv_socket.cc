#include "bus/uv_socket.h"

#include <uv.h>

#include <optional>
#include <utility>

#include "base/assert.h"

namespace parley {

// Lives until libuv has closed all four handles, which is after the owner is gone.
struct UvSocket::Handles {
  uv_poll_t poll{};
  uv_prepare_t prepare{};
  uv_check_t check{};
  uv_idle_t idle{};
  int open = 4;
  std::optional<ZmqSocket> socket;
  std::size_t budget;
  Handlers handlers;
  // Whether something can be read. Unknown once the socket was used, but for a read that ended at its
  // budget: then more waits, or the next read is in vain and tells.
  enum class Rest { none, some, unknown };
  Rest rest = Rest::unknown;
  bool signalled = false;
  bool prepared = false;  // between our prepare and our check

  Handles(ZmqSocket zmq, std::size_t most, Handlers h)
      : socket(std::move(zmq)), budget(most), handlers(std::move(h)) {}

  void was_used() {
    if (rest == Rest::none) rest = Rest::unknown;
  }

  void before_block() {
    prepared = true;
    if (handlers.before_block(*socket)) was_used();
    if (rest == Rest::unknown) rest = socket->readable() ? Rest::some : Rest::none;
    if (rest == Rest::some) keep_turning();
    else uv_idle_stop(&idle);
  }

  // An active idle handle makes libuv poll without blocking.
  void keep_turning() {
    uv_idle_start(&idle, [](uv_idle_t*) {});
  }

  std::size_t read(std::size_t most) {
    std::size_t count = 0;
    while (count < most && handlers.read_one(*socket)) ++count;
    rest = count < most ? Rest::unknown : Rest::some;
    if (count > 0) handlers.after_batch();
    return count;
  }

  template <typename Uv>
  void close(Uv* handle) {
    uv_close(reinterpret_cast<uv_handle_t*>(handle), [](uv_handle_t* closed) {
      auto* self = static_cast<Handles*>(closed->data);
      if (--self->open == 0) delete self;
    });
  }
};

UvSocket::UvSocket(Loop& loop, ZmqSocket socket, std::size_t budget, Handlers handlers)
    : handles_(new Handles(std::move(socket), budget, std::move(handlers))) {
  Handles* h = handles_;
  PARLEY_ASSERT(uv_poll_init(loop.raw(), &h->poll, h->socket->descriptor()) == 0);
  uv_prepare_init(loop.raw(), &h->prepare);
  uv_check_init(loop.raw(), &h->check);
  uv_idle_init(loop.raw(), &h->idle);
  h->poll.data = h->prepare.data = h->check.data = h->idle.data = h;
  uv_poll_start(&h->poll, UV_READABLE, [](uv_poll_t* uv, int, int) {
    static_cast<Handles*>(uv->data)->signalled = true;
  });
  uv_prepare_start(&h->prepare,
                   [](uv_prepare_t* uv) { static_cast<Handles*>(uv->data)->before_block(); });
  uv_check_start(&h->check, [](uv_check_t* uv) {
    auto* self = static_cast<Handles*>(uv->data);
    self->prepared = false;
    if (std::exchange(self->signalled, false) || self->rest != Handles::Rest::none)
      self->read(self->budget);
  });
}

UvSocket::~UvSocket() {
  Handles* h = handles_;
  uv_poll_stop(&h->poll);  // before ZeroMQ closes the descriptor
  h->socket.reset();
  h->close(&h->poll);
  h->close(&h->prepare);
  h->close(&h->check);
  h->close(&h->idle);
}

ZmqSocket& UvSocket::for_sending() {
  handles_->was_used();
  if (handles_->prepared) handles_->keep_turning();
  return *handles_->socket;
}

std::size_t UvSocket::read_now(std::size_t most) { return handles_->read(most); }

}  // namespace parley
