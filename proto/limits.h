// Every bound of the client protocol and of the bus, in one list. What happens at a bound stands
// beside it. Bounds that an operator may want to change are configuration instead
// (`--print-config`).
#pragma once

#include <cstddef>
#include <cstdint>

namespace parley::limits {

// -- records and frames (client wire). Larger: the connection is closed with bad_frame.
inline constexpr std::size_t tag_bytes = 16;           // Poly1305
inline constexpr std::size_t record_prefix_bytes = 2;  // length of what follows, little-endian
inline constexpr std::size_t record_max = 65'535;      // the Noise specification's limit, §3
inline constexpr std::size_t frame_header_bytes = 16;
inline constexpr std::size_t frame_max = record_max - tag_bytes;
inline constexpr std::size_t frame_body_max = frame_max - frame_header_bytes;
inline constexpr std::size_t frame_before_login_max = 4'096;  // RELIABILITY §5.1

// -- rekey: a sender must start a new key after either; a receiver closes at once past the first.
inline constexpr std::uint64_t rekey_after_records = 1ULL << 20;
inline constexpr std::int64_t rekey_after_ms = 3'600'000;

// -- c2c and login bodies. Larger: too_large or bad_request, nothing stored.
inline constexpr std::size_t text_max = 16'384;     // body of one message, bytes
inline constexpr std::size_t user_name_max = 64;    // bytes of UTF-8
inline constexpr std::size_t nickname_max = 128;    // bytes of UTF-8
inline constexpr std::size_t password_min = 8;      // bytes
inline constexpr std::size_t password_max = 1'024;  // bytes
inline constexpr std::size_t token_bytes = 32;
inline constexpr std::size_t find_max = 100;           // names and ids in one login.find
inline constexpr std::size_t publish_users_max = 1'000;  // of one push.publish
inline constexpr std::uint32_t page_max = 200;         // entries of one page; more is cut to this
inline constexpr std::size_t page_bytes_max = 40'960;  // a page stops growing here; `more` is set

// -- the bus. Larger envelopes are not sent by us and cost a foreign peer its connection.
inline constexpr std::size_t envelope_header_bytes = 96;
inline constexpr std::size_t envelope_max = 1 << 20;
inline constexpr std::size_t delivery_body_max =
    256 * 1024;                              // items packed in one deliver envelope
inline constexpr unsigned attempts_max = 3;  // then the request is parked as poison

static_assert(frame_body_max + envelope_header_bytes <= envelope_max);
static_assert(delivery_body_max + envelope_header_bytes <= envelope_max);
static_assert(page_bytes_max + text_max + 1'024 <= frame_body_max,
              "a page with one more entry fits");
static_assert(frame_before_login_max > password_max + user_name_max + nickname_max + 256);

}  // namespace parley::limits
