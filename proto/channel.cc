#include "proto/channel.h"

#include <algorithm>

#include "base/assert.h"
#include "base/random.h"
#include "proto/bytes.h"
#include "proto/limits.h"
#include "proto/noise.h"

namespace parley {
namespace {

constexpr std::string_view magic = "PRLY";
constexpr std::size_t prologue_bytes = 8;
constexpr std::size_t sealed_min = limits::frame_header_bytes + limits::tag_bytes;
static_assert(noise::tag_bytes == limits::tag_bytes);
static_assert(hello_bytes == prologue_bytes + noise::key_bytes + noise::tag_bytes);
static_assert(answer_bytes == noise::key_bytes + noise::tag_bytes);

// The clear part of a hello. As the prologue it is under the handshake's seal: nobody on the way can
// change it unnoticed.
std::string prologue_of(Transport transport, std::uint16_t key_id) {
  std::string bytes(magic);
  append(bytes, channel_version);
  append(bytes, static_cast<std::uint8_t>(transport));
  append(bytes, key_id);
  return bytes;
}

const ServerKey* find_key(std::span<const ServerKey> keys, std::uint16_t id) {
  const auto found = std::ranges::find(keys, id, &ServerKey::id);
  return found == keys.end() ? nullptr : &*found;
}

// One error for all that can be wrong with a hello: a prober learns nothing from it.
tl::unexpected<Error> bad_handshake() { return fail(Errc::bad_frame, "handshake"); }

Channel::Keys keys_of(const noise::Key& send, const noise::Key& receive) { return {send, receive}; }

}  // namespace

void init_crypto() { noise::init(); }

ServerKey generate_server_key(std::uint16_t id) {
  ServerKey key{.id = id};
  secure_random(key.secret_key);
  key.public_key = public_key_of(key.secret_key);
  return key;
}

PublicKey public_key_of(const SecretKey& secret) { return noise::public_key(secret); }

Channel::Channel(const Keys& keys, Instant now)
    : send_{.key = keys.send}, receive_{.key = keys.receive}, send_key_since_(now) {}

Channel::~Channel() {
  noise::wipe(send_.key);
  noise::wipe(receive_.key);
}

Channel::Channel(Channel&&) noexcept = default;
Channel& Channel::operator=(Channel&&) noexcept = default;

void Channel::seal(const FrameHeader& header, std::string_view body, std::string& out,
                   Instant now) {
  PARLEY_ASSERT(header.kind != FrameKind::rekey && body.size() <= limits::frame_body_max);
  if (send_.records_under_key >= limits::rekey_after_records ||
      to_ms(now - send_key_since_) >= limits::rekey_after_ms) {
    append_record({.kind = FrameKind::rekey}, {}, out);
    noise::rekey(send_.key);
    send_.records_under_key = 0;
    send_key_since_ = now;
  }
  append_record(header, body, out);
}

void Channel::append_record(const FrameHeader& header, std::string_view body, std::string& out) {
  const std::size_t frame_size = limits::frame_header_bytes + body.size();
  append(out, static_cast<std::uint16_t>(frame_size + limits::tag_bytes));
  const std::size_t start = out.size();
  encode(header, out);
  out.append(body);
  out.append(limits::tag_bytes, '\0');
  char* frame = out.data() + start;
  noise::seal(send_.key, send_.nonce++, {frame, frame_size}, frame + frame_size);
  ++send_.records_under_key;
}

Result<std::optional<Frame>> Channel::open(std::span<char> sealed) {
  if (broken_) return fail(Errc::bad_frame, "the channel is broken");
  auto frame = open_next(sealed);
  // Going on after a failure would let an attacker try again, or take records out unnoticed.
  broken_ = !frame.has_value();
  return frame;
}

Result<std::optional<Frame>> Channel::open_next(std::span<char> sealed) {
  if (sealed.size() < sealed_min || sealed.size() > limits::record_max)
    return fail(Errc::bad_frame, "size of a record");
  // The record after the last one under a key has to be the rekey.
  if (receive_.records_under_key > limits::rekey_after_records)
    return fail(Errc::bad_frame, "the peer did not rekey");
  const auto plain = sealed.first(sealed.size() - limits::tag_bytes);
  if (!noise::open(receive_.key, receive_.nonce, plain, sealed.data() + plain.size()))
    return fail(Errc::bad_frame, "forged record");
  ++receive_.nonce;
  ++receive_.records_under_key;
  PARLEY_TRY(const Frame frame, decode_frame({plain.data(), plain.size()}));
  if (frame.header.kind != FrameKind::rekey) return frame;
  if (frame.header != FrameHeader{.kind = FrameKind::rekey} || !frame.body.empty())
    return fail(Errc::bad_frame, "a rekey frame carries nothing");
  noise::rekey(receive_.key);
  receive_.records_under_key = 0;
  return std::nullopt;
}

Result<std::optional<std::size_t>> record_length(std::string_view bytes, std::size_t sealed_max) {
  if (bytes.size() < limits::record_prefix_bytes) return std::nullopt;
  const std::size_t length = load<std::uint16_t>(bytes, 0);
  if (length < sealed_min || length > sealed_max)
    return fail(Errc::bad_frame, "length of a record");
  return length;
}

Result<Accepted> accept_hello(std::string_view hello, std::span<const ServerKey> keys,
                              Transport transport, const SecretKey& ephemeral, Instant now) {
  PARLEY_ASSERT(hello.size() == hello_bytes);
  const auto prologue = hello.substr(0, prologue_bytes);
  const auto key_id = load<std::uint16_t>(prologue, prologue_bytes - sizeof(std::uint16_t));
  const ServerKey* key = find_key(keys, key_id);
  if (!key || prologue != prologue_of(transport, key_id)) return bad_handshake();

  noise::State state = noise::begin(prologue, key->public_key);
  const auto first = noise::read_first(state, key->secret_key, hello.substr(prologue_bytes));
  if (!first || !first->payload.empty()) return bad_handshake();
  std::string answer;
  if (!noise::write_second(state, first->remote_ephemeral, ephemeral, {}, answer))
    return bad_handshake();
  const noise::TransportKeys split = noise::split(state);
  Channel::Keys channel_keys = keys_of(split.to_initiator, split.to_responder);
  Accepted accepted{std::move(answer), Channel(channel_keys, now)};
  noise::wipe(channel_keys.send);
  noise::wipe(channel_keys.receive);
  return accepted;
}

Result<Initiator> Initiator::start(const PinnedKey& server, Transport transport,
                                   const SecretKey& ephemeral) {
  Initiator initiator;
  initiator.hello_ = prologue_of(transport, server.id);
  noise::State state = noise::begin(initiator.hello_, server.key);
  if (!noise::write_first(state, server.key, ephemeral, {}, initiator.hello_))
    return bad_handshake();
  initiator.chaining_key_ = state.chaining_key;
  initiator.hash_ = state.hash;
  initiator.ephemeral_ = ephemeral;
  return initiator;
}

Initiator::~Initiator() {
  noise::wipe(chaining_key_);
  noise::wipe(ephemeral_);
}

Initiator::Initiator(Initiator&&) noexcept = default;
Initiator& Initiator::operator=(Initiator&&) noexcept = default;

Result<Channel> Initiator::finish(std::string_view answer, Instant now) {
  PARLEY_ASSERT(answer.size() == answer_bytes);
  noise::State state{noise::Secret(chaining_key_), noise::Secret(hash_)};
  if (const auto second = noise::read_second(state, ephemeral_, answer); !second)
    return bad_handshake();
  const noise::TransportKeys split = noise::split(state);
  Channel::Keys channel_keys = keys_of(split.to_responder, split.to_initiator);
  Channel channel(channel_keys, now);
  noise::wipe(channel_keys.send);
  noise::wipe(channel_keys.receive);
  return channel;
}

}  // namespace parley
