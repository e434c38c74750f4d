// The encrypted channel between client and gateway: Noise_NK_25519_ChaChaPoly_BLAKE2b (noise.h)
// with Parley's prologue, records and rekeying. Pure state machines: bytes in, bytes out; no
// socket, no clock. Format, step by step with a worked example: proto/README.md.
//
//   client                                                server
//     Initiator::hello()        ── 56 bytes ──▶            accept_hello()
//     Initiator::finish()       ◀── 48 bytes ──            Accepted::answer
//     Channel::seal / open      ◀── records ──▶            Channel::seal / open
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "proto/frame.h"

namespace parley {

inline constexpr std::size_t hello_bytes =
    56;  // magic, version, transport, key id, Noise message 1
inline constexpr std::size_t answer_bytes = 48;  // Noise message 2
inline constexpr std::uint8_t channel_version = 1;

using PublicKey = std::array<std::uint8_t, 32>;
using SecretKey = std::array<std::uint8_t, 32>;

enum class Transport : std::uint8_t { tcp = 1, websocket = 2 };

// The server's static key as a client pins it.
struct PinnedKey {
  std::uint16_t id = 0;  // which of the server's (at most two) valid keys
  PublicKey key{};
};

struct ServerKey {
  std::uint16_t id = 0;
  PublicKey public_key{};
  SecretKey secret_key{};
};

// Calls sodium_init. Requires: called once at the start of every process that uses anything in this
// file.
void init_crypto();
// A new static key pair. Source of chance: the kernel.
ServerKey generate_server_key(std::uint16_t id);
// The public half of a secret key.
PublicKey public_key_of(const SecretKey& secret);

// An open channel, either side. One owner thread. 2 keys, 2 counters: about 100 bytes.
class Channel {
 public:
  struct Keys {
    std::array<std::uint8_t, 32> send;
    std::array<std::uint8_t, 32> receive;
  };
  Channel(const Keys& keys, Instant now);
  ~Channel();  // wipes the keys
  Channel(Channel&&) noexcept;
  Channel& operator=(Channel&&) noexcept;

  // Appends one record (length prefix, sealed frame) to `out`; before it a rekey record when one is
  // due. Requires: body.size() <= limits::frame_body_max.
  void seal(const FrameHeader& header, std::string_view body, std::string& out, Instant now);

  // Opens the sealed bytes of one record (without its prefix) in place. The frame looks into
  // `sealed`. Nothing: it was a rekey record and has been carried out. bad_frame: forged, out of
  // order, not a frame, or the peer failed to rekey in time; from then on every call fails: close
  // the connection.
  Result<std::optional<Frame>> open(std::span<char> sealed);

 private:
  struct Direction {
    std::array<std::uint8_t, 32> key{};
    std::uint64_t nonce = 0;  // never reset, not even by rekey (Noise §11.3)
    std::uint64_t records_under_key = 0;
  };
  void append_record(const FrameHeader& header, std::string_view body, std::string& out);
  Result<std::optional<Frame>> open_next(std::span<char> sealed);

  Direction send_;
  Direction receive_;
  Instant send_key_since_;
  bool broken_ = false;
};

// The length of the sealed bytes that follow a record's prefix.
// Nothing: fewer than 2 bytes are there yet. bad_frame: too short for a tag and a header, or longer
// than `sealed_max` (the caller's bound: smaller before login).
Result<std::optional<std::size_t>> record_length(std::string_view bytes, std::size_t sealed_max);

struct Accepted {
  std::string answer;  // answer_bytes: to be written to the client as it is
  Channel channel;
};

// The server's side of the handshake. bad_frame, always the same, whatever was wrong: magic,
// version, transport, unknown key id, low-order point, forged tag. `ephemeral`: fresh chance for
// each call. Requires: hello.size() == hello_bytes.
Result<Accepted> accept_hello(std::string_view hello, std::span<const ServerKey> keys,
                              Transport transport, const SecretKey& ephemeral, Instant now);

// The client's side of the handshake; used once. bad_frame: the pinned key is unusable.
class Initiator {
 public:
  static Result<Initiator> start(const PinnedKey& server, Transport transport,
                                 const SecretKey& ephemeral);
  ~Initiator();  // wipes what is secret
  Initiator(Initiator&&) noexcept;
  Initiator& operator=(Initiator&&) noexcept;
  // hello_bytes, to be sent first.
  const std::string& hello() const { return hello_; }
  // bad_frame: the answer does not come from the holder of the pinned key.
  // Requires: answer.size() == answer_bytes.
  Result<Channel> finish(std::string_view answer, Instant now);

 private:
  Initiator() = default;
  std::string hello_;
  std::array<std::uint8_t, 64> chaining_key_{};
  std::array<std::uint8_t, 64> hash_{};
  SecretKey ephemeral_{};
};

}  // namespace parley
