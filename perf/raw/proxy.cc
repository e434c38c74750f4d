#include "perf/raw/proxy.h"

#include <zmq.h>

#include "base/assert.h"

namespace parley::perf {
namespace {

// Without ZAP, whoever knows the public key is admitted.
void encrypt(void* socket, const CurveKeyPair& own) {
  const int yes = 1;
  PARLEY_ASSERT(zmq_setsockopt(socket, ZMQ_CURVE_SERVER, &yes, sizeof yes) == 0);
  PARLEY_ASSERT(zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, own.secret_key.c_str(),
                               own.secret_key.size() + 1) == 0);
}

// Ends by being killed: zmq_proxy returns only when its context does.
std::string run_proxy(const BusAddress& address, Child& parent) {
  void* context = zmq_ctx_new();
  void* front = zmq_socket(context, ZMQ_ROUTER);
  void* back = zmq_socket(context, ZMQ_DEALER);
  for (void* socket : {front, back}) {
    // No marks: a ROUTER drops what is beyond them, and the load is bounded by itself.
    const int unbounded = 0;
    PARLEY_ASSERT(zmq_setsockopt(socket, ZMQ_SNDHWM, &unbounded, sizeof unbounded) == 0);
    PARLEY_ASSERT(zmq_setsockopt(socket, ZMQ_RCVHWM, &unbounded, sizeof unbounded) == 0);
    if (address.keys) encrypt(socket, address.keys->middle);
  }
  if (zmq_bind(front, address.clients.c_str()) != 0 || zmq_bind(back, address.workers.c_str()) != 0)
    return std::string("zmq_proxy cannot bind: ") + zmq_strerror(zmq_errno());
  parent.write_line("ready");
  zmq_proxy(front, back, nullptr);
  return "zmq_proxy ended";
}

}  // namespace

Result<Proxy> Proxy::start(const BusAddress& address) {
  Child child = Child::start([&](Child& parent) { return run_proxy(address, parent); });
  if (const std::string line = child.read_line(); line != "ready") return fail(Errc::io, line);
  return Proxy(std::move(child));
}

}  // namespace parley::perf
