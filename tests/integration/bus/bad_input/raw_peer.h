// A DEALER that says whatever a test wants, with ZeroMQ's own calls: none of our code stands
// between the test and the wire but the encoding of a single envelope. One thread; a call waits at
// most as long as it says.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "bus/curve.h"
#include "proto/bus.pb.h"
#include "proto/envelope.h"

namespace parley::test {

struct Got {
  EnvelopeHeader header;
  std::string body;
};

// Who it says it is. A boot of its own for each life.
struct Registration {
  wire::PeerRole role = wire::PEER_ROLE_GATEWAY;
  std::string name;
  std::uint64_t boot = 1;
  std::vector<std::uint32_t> services = {};
  std::vector<std::string> apps = {};
  std::uint32_t credit_messages = 0;
  std::uint32_t credit_bytes = 0;
  std::uint32_t delivery_messages = 0;
  std::uint32_t delivery_bytes = 0;

  std::string body() const;
  // The envelope.
  std::string bytes() const;
};
Registration gateway_named(const std::string& name, std::uint64_t boot = 1);
// Serves c2c.
Registration worker_named(const std::string& name, std::uint64_t boot = 1);

class RawPeer {
 public:
  struct Options {
    std::optional<CurveClient> curve = {};
    std::string identity = {};               // empty: ZeroMQ gives it one
    std::optional<int> receive_buffer = {};  // bytes and messages that it takes without reading
  };
  explicit RawPeer(const std::string& endpoint) : RawPeer(endpoint, Options{}) {}
  RawPeer(const std::string& endpoint, const Options& options);
  ~RawPeer();
  RawPeer(const RawPeer&) = delete;
  RawPeer& operator=(const RawPeer&) = delete;

  // False: nobody took it within 5 s.
  bool send(const std::vector<std::string>& frames);
  bool send(const EnvelopeHeader& header, std::string_view body = {});
  bool say(EnvelopeKind kind) { return send({.kind = kind}); }
  // False: it would have to wait.
  bool try_send(const std::string& frame);

  // The next message of one frame, batches taken apart; nothing: none within `limit`.
  std::optional<Got> receive(Duration limit = std::chrono::seconds(5));
  // The next one of this kind; others are skipped, pings answered.
  std::optional<Got> expect(EnvelopeKind kind, Duration limit = std::chrono::seconds(5));
  // Says who it is; what the broker answers: registered, or not_registered with its reason.
  std::optional<Got> register_as(const Registration& who);
  bool is_registered_as(const Registration& who);
  // Whether a ping is answered.
  bool is_heard();

 private:
  bool receive_message(Duration limit);

  void* socket_;
  std::vector<Got> waiting_;
};

}  // namespace parley::test
