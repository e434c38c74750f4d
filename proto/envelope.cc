#include "proto/envelope.h"

#include <algorithm>

#include "proto/bytes.h"
#include "proto/limits.h"

namespace parley {
namespace {

constexpr std::size_t attempt_offset = 6;
constexpr std::size_t flags_offset = 7;
constexpr std::size_t ttl_offset = 88;

bool is_known(std::uint8_t kind) {
  switch (static_cast<EnvelopeKind>(kind)) {
    case EnvelopeKind::register_peer:
    case EnvelopeKind::drain:
    case EnvelopeKind::bye:
    case EnvelopeKind::registered:
    case EnvelopeKind::not_registered:
    case EnvelopeKind::ping:
    case EnvelopeKind::pong:
    case EnvelopeKind::credit:
    case EnvelopeKind::request:
    case EnvelopeKind::reply:
    case EnvelopeKind::deliver:
    case EnvelopeKind::unreachable:
    case EnvelopeKind::batch:
    case EnvelopeKind::status:
    case EnvelopeKind::status_reply:
    case EnvelopeKind::admin:
    case EnvelopeKind::admin_reply:
    case EnvelopeKind::trace_query:
    case EnvelopeKind::trace_answer: return true;
  }
  return false;
}

}  // namespace

std::string encode(const EnvelopeHeader& h, std::string_view body) {
  std::string out;
  out.reserve(limits::envelope_header_bytes + body.size());
  append(out, envelope_version);
  append(out, static_cast<std::uint8_t>(h.kind));
  append(out, h.verb);
  append(out, h.error);
  append(out, h.attempt);
  append(out, h.flags);
  append(out, h.key);
  append(out, h.id.gateway.value);
  append(out, h.id.boot.value);
  append(out, h.id.number);
  append(out, h.user.value);
  append(out, h.device.value);
  append(out, h.generation.value);
  append(out, h.target);
  append(out, h.origin);
  append(out, h.trace);
  append(out, h.ttl_ms);
  append(out, h.retry_after_ms);
  out.append(body);
  return out;
}

Result<Envelope> decode_envelope(std::string_view bytes) {
  if (bytes.size() < limits::envelope_header_bytes) return fail(Errc::bad_frame, "short envelope");
  if (bytes.size() > limits::envelope_max) return fail(Errc::bad_frame, "oversized envelope");
  if (load<std::uint8_t>(bytes, 0) != envelope_version) return fail(Errc::bad_frame, "version");
  const auto kind = load<std::uint8_t>(bytes, 1);
  if (!is_known(kind)) return fail(Errc::bad_frame, "unknown kind of envelope");
  EnvelopeHeader h{.kind = static_cast<EnvelopeKind>(kind),
                   .verb = load<std::uint16_t>(bytes, 2),
                   .error = load<std::uint16_t>(bytes, 4),
                   .attempt = load<std::uint8_t>(bytes, attempt_offset),
                   .flags = load<std::uint8_t>(bytes, flags_offset),
                   .key = load<std::uint64_t>(bytes, 8),
                   .id = {.gateway = InstanceId{load<std::uint64_t>(bytes, 16)},
                          .boot = BootId{load<std::uint64_t>(bytes, 24)},
                          .number = load<std::uint64_t>(bytes, 32)},
                   .user = UserId{load<std::uint64_t>(bytes, 40)},
                   .device = DeviceId{load<std::uint64_t>(bytes, 48)},
                   .generation = Generation{load<std::uint64_t>(bytes, 56)},
                   .target = load<std::uint64_t>(bytes, 64),
                   .origin = load<std::uint64_t>(bytes, 72),
                   .trace = load<std::uint64_t>(bytes, 80),
                   .ttl_ms = load<std::uint32_t>(bytes, ttl_offset),
                   .retry_after_ms = load<std::uint32_t>(bytes, 92)};
  return Envelope{h, bytes.substr(limits::envelope_header_bytes)};
}

void set_attempt(std::string& bytes, std::uint8_t attempt) {
  store_at(bytes.data() + attempt_offset, attempt);
}

void set_flags(std::string& bytes, std::uint8_t flags) {
  store_at(bytes.data() + flags_offset, flags);
}

void set_ttl_ms(std::string& bytes, std::uint32_t ttl_ms) {
  store_at(bytes.data() + ttl_offset, ttl_ms);
}

bool is_bus_name(std::string_view name) {
  const auto is_allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  };
  return !name.empty() && name.size() <= bus_name_max && std::ranges::all_of(name, is_allowed);
}

InstanceId instance_id(std::string_view name) {
  std::uint64_t hash = 0xCBF29CE484222325ULL;
  for (const char c : name) hash = (hash ^ static_cast<std::uint8_t>(c)) * 0x100000001B3ULL;
  return InstanceId{hash == 0 ? 1 : hash};
}

}  // namespace parley
