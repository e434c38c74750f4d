// An envelope is what travels on the bus: a 96-byte header and a body that the bus never looks
// into. Bytes to values, no I/O. Layout: bus/README.md; golden bytes: tests/golden.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/ids.h"
#include "base/result.h"

namespace parley {

inline constexpr std::uint8_t envelope_version = 1;

enum class EnvelopeKind : std::uint8_t {
  // peer → broker
  register_peer = 1,  // body: RegisterPeer (bus.proto)
  // "send me nothing new; I shall leave when I have answered what I hold"; from a broker: an
  // operator wants you to
  drain = 2,
  bye = 3,            // "I hold nothing any more and leave now"
  // broker → peer
  registered = 8,      // body: Registered (bus.proto)
  not_registered = 9,  // "I do not know you (any more): register again"
  // both ways
  ping = 16,
  pong = 17,
  // gateway or business system → broker: "so many deliveries of this registration are dealt with":
  // id.number messages, target bytes, both counted from its start
  credit = 18,
  // the way of a request
  request = 32,      // gateway → broker → worker
  reply = 33,        // worker → broker → gateway; `error` != 0: no body, see retry_after_ms
  deliver = 34,      // worker → broker → gateway(s); body: Delivery items (delivery.h)
  unreachable = 35,  // broker → worker: no gateway of that name is registered here (in `gateway`)
  // several envelopes for one receiver; body: bus/batch.h
  batch = 40,
  // operators; asked without registering
  status = 48,        // → broker
  status_reply = 49,  // broker →; body: BrokerStatus (bus.proto)
  admin = 50,         // → broker; body: AdminRequest (bus.proto)
  admin_reply = 51,   // broker →; body: AdminReply (bus.proto); error: an Errc, or 0
  // what processes remember of recent requests (bus/flight_recorder.h)
  trace_query = 52,  // broker → gateway, worker, business; body: TraceQuery (bus.proto)
  trace_answer = 53  // → broker; body: TraceAnswer (bus.proto); id.number as in the query
};

// Who asked, and which of his requests: repeated requests carry the same.
struct RequestId {
  InstanceId gateway = {};
  BootId boot = {};
  std::uint64_t number = 0;
  friend bool operator==(const RequestId&, const RequestId&) = default;
};

struct EnvelopeHeader {
  EnvelopeKind kind = EnvelopeKind::request;
  std::uint16_t verb = 0;
  std::uint16_t error = 0;     // reply: an Errc, or 0
  std::uint8_t attempt = 0;    // request: 1 for the first worker that gets it, 2 for the next …
  std::uint8_t flags = 0;      // flag_… below
  std::uint64_t key = 0;       // request, deliver: what belongs together has the same key
  RequestId id = {};           // deliver: `gateway` is the receiver, 0 = all; the rest is 0
  UserId user = {};            // authenticated by the gateway; in a login's reply: by the worker
  DeviceId device = {};        // likewise
  Generation generation = {};  // likewise
  std::uint64_t target = 0;    // the client frame's target; in a login's reply: the device class
  std::uint64_t origin = 0;    // network address of the client: IPv4 as 1<<32|a.b.c.d, IPv6 its /64
  std::uint64_t trace = 0;     // follows one request through all logs
  std::uint32_t ttl_ms =
      0;  // request: time left until the gateway gives up; hops subtract their own
  std::uint32_t retry_after_ms = 0;  // reply with a retryable error

  friend bool operator==(const EnvelopeHeader&, const EnvelopeHeader&) = default;
};

// reply: this login succeeded; the gateway binds the session to user, device, generation, class.
inline constexpr std::uint8_t flag_binds_session = 1;
// reply: this logout succeeded; the gateway closes the session's connection after the reply.
inline constexpr std::uint8_t flag_ends_session = 2;
// deliver: sent before, through a broker that is gone; may arrive twice, and behind younger ones.
inline constexpr std::uint8_t flag_repeated = 4;

struct Envelope {
  EnvelopeHeader header;
  std::string_view body;  // into the buffer it was read from
};

std::string encode(const EnvelopeHeader& header, std::string_view body);
// bad_frame: shorter than a header, another version, unknown kind, larger than
// limits::envelope_max.
Result<Envelope> decode_envelope(std::string_view bytes);

// Overwrites a field of an encoded envelope in place: what is changed on the way.
// Requires: `bytes` decodes.
void set_attempt(std::string& bytes, std::uint8_t attempt);
void set_ttl_ms(std::string& bytes, std::uint32_t ttl_ms);
void set_flags(std::string& bytes, std::uint8_t flags);

inline constexpr std::size_t bus_name_max = 64;  // bytes
// Whether a process may be called so on the bus: 1 … bus_name_max of A-Z a-z 0-9 . _ -. Names become labels
// of metrics and words in logs.
bool is_bus_name(std::string_view name);
// A lasting name ("gateway-1") as a number: FNV-1a, never 0.
InstanceId instance_id(std::string_view name);

}  // namespace parley

template <>
struct std::hash<parley::RequestId> {
  std::size_t operator()(const parley::RequestId& id) const noexcept {
    return (id.gateway.value ^ (id.boot.value * 0x9E3779B97F4A7C15ULL)) +
           id.number * 0xBF58476D1CE4E5B9ULL;
  }
};
