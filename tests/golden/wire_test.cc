// The bytes of frames, channel, envelopes and deliveries are what wire.txt says. Changing a line of it is
// a decision: somebody's client or worker was written against it.
#include <gtest/gtest.h>

#include "proto/common.pb.h"
#include "proto/delivery.h"
#include "proto/envelope.h"
#include "proto/limits.h"
#include "tests/golden/example_channel.h"
#include "tests/golden/samples.h"
#include "tests/unit/proto/hex.h"

namespace parley {
namespace {

using test::hex;
using test::Samples;

Samples written(std::string_view prefix) {
  Samples samples = test::parse_samples(test::source_file("tests/golden/wire.txt"));
  std::erase_if(samples, [&](const auto& entry) { return !entry.first.starts_with(prefix); });
  return samples;
}

std::string frame(const FrameHeader& header, std::string_view body = {}) {
  std::string bytes;
  encode(header, bytes);
  return hex(bytes.append(body));
}

std::string error_body() {
  wire::ErrorBody body;
  body.set_code(2);
  body.set_retry_after_ms(1500);
  return body.SerializeAsString();
}

TEST(GoldenBytes, OfFrames) {
  constexpr std::uint64_t target = 0x0000000080000002;  // users 1 and 2
  test::expect_same(
      written("frame."),
      {{"frame.request", frame({FrameKind::request, 0, 0x0201, 7, target}, "body")},
       {"frame.reply", frame({FrameKind::reply, 0, 0x0201, 7, 0}, "body")},
       {"frame.error", frame({FrameKind::error, 0, 0x0201, 7, 0}, error_body())},
       {"frame.notice", frame({FrameKind::notice, 0, 0x0281, 0, target}, "body")},
       {"frame.ping", frame({FrameKind::ping, 0, 0, 0xA1B2C3D4, 0})},
       {"frame.pong", frame({FrameKind::pong, 0, 0, 0xA1B2C3D4, 0})},
       {"frame.close", frame({.kind = FrameKind::close}, error_body())},
       {"frame.rekey", frame({.kind = FrameKind::rekey})}});
}

TEST(GoldenBytes, OfTheChannel) {
  auto [hello, answer, client, server] = test::example_handshake();
  std::string request;
  std::string reply;
  std::string rekeyed;
  const Instant later = Instant{} + std::chrono::milliseconds(limits::rekey_after_ms);
  client.seal({FrameKind::ping, 0, 0, 1, 0}, {}, request, Instant{});
  server.seal({FrameKind::pong, 0, 0, 1, 0}, {}, reply, Instant{});
  client.seal({FrameKind::ping, 0, 0, 2, 0}, {}, rekeyed, later);
  test::expect_same(written("channel."), {{"channel.hello", hex(hello)},
                                          {"channel.answer", hex(answer)},
                                          {"channel.client_record", hex(request)},
                                          {"channel.server_record", hex(reply)},
                                          {"channel.client_rekey_and_record", hex(rekeyed)}});
}

std::string envelope(EnvelopeKind kind, std::string_view body = {}) {
  return hex(encode({.kind = kind,
                     .verb = 0x0201,
                     .error = 21,
                     .attempt = 2,
                     .flags = flag_binds_session | flag_ends_session,
                     .key = 0x1011121314151617,
                     .id = {InstanceId{0x2021222324252627}, BootId{0x3031323334353637},
                            0x4041424344454647},
                     .user = UserId{0x5051525354555657},
                     .device = DeviceId{0x6061626364656667},
                     .generation = Generation{0x7071727374757677},
                     .target = 0x8081828384858687,
                     .origin = 0x9091929394959697,
                     .trace = 0xA0A1A2A3A4A5A6A7,
                     .ttl_ms = 0xB0B1B2B3,
                     .retry_after_ms = 0xC0C1C2C3},
                    body));
}

TEST(GoldenBytes, OfEnvelopes) {
  test::expect_same(written("envelope."),
                    {{"envelope.register_peer", envelope(EnvelopeKind::register_peer)},
                     {"envelope.drain", envelope(EnvelopeKind::drain)},
                     {"envelope.bye", envelope(EnvelopeKind::bye)},
                     {"envelope.registered", envelope(EnvelopeKind::registered)},
                     {"envelope.not_registered", envelope(EnvelopeKind::not_registered)},
                     {"envelope.ping", envelope(EnvelopeKind::ping)},
                     {"envelope.pong", envelope(EnvelopeKind::pong)},
                     {"envelope.request", envelope(EnvelopeKind::request, "body")},
                     {"envelope.reply", envelope(EnvelopeKind::reply, "body")},
                     {"envelope.deliver", envelope(EnvelopeKind::deliver, "body")},
                     {"envelope.unreachable", envelope(EnvelopeKind::unreachable)},
                     {"envelope.batch", envelope(EnvelopeKind::batch)},
                     {"envelope.status", envelope(EnvelopeKind::status)},
                     {"envelope.status_reply", envelope(EnvelopeKind::status_reply)}});
}

TEST(GoldenBytes, OfDeliveries) {
  std::string bytes;
  append_delivery({.notice = 0x0281,
                   .target = 0x0000000080000002,
                   .skip_device = DeviceId{0xD0D1D2D3D4D5D6D7},
                   .users = {UserId{1}, UserId{2}},
                   .body = "body"},
                  bytes);
  append_delivery({.notice = 0x0181, .target = 0, .skip_device = {}, .users = {}, .body = {}},
                  bytes);
  test::expect_same(written("delivery."), {{"delivery.two_items", hex(bytes)}});
}

}  // namespace
}  // namespace parley
