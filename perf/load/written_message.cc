#include "perf/load/written_message.h"

#include <cstring>

#include "base/assert.h"
#include "proto/bytes.h"

namespace parley::perf {
namespace {

// 0a 10 <id> 10 0f (custom) 1a <varint length> <body>.
constexpr std::size_t id_at = 2;

std::string request_template(std::size_t body_bytes) {
  std::string request = "\x0a\x10";
  request.append(16, '\0');
  request += "\x10\x0f\x1a";
  for (std::size_t rest = body_bytes;; rest >>= 7) {
    request += static_cast<char>((rest & 0x7F) | (rest > 0x7F ? 0x80 : 0));
    if (rest <= 0x7F) break;
  }
  request.append(body_bytes, 'x');
  return request;
}

}  // namespace

ClientMessageId message_id(std::uint64_t run, UserId user, std::uint32_t n) {
  ClientMessageId id;
  const auto sender = static_cast<std::uint32_t>(user.value);
  std::memcpy(id.data(), &run, 8);
  std::memcpy(id.data() + 8, &sender, 4);
  std::memcpy(id.data() + 12, &n, 4);
  return id;
}

WrittenMessage::WrittenMessage(std::size_t body_bytes)
    : body_bytes_(body_bytes), request_(request_template(body_bytes)) {
  PARLEY_ASSERT(body_bytes >= 16);
}

std::string_view WrittenMessage::fill(const ClientMessageId& id, std::uint32_t n,
                                      Instant intended) {
  std::memcpy(request_.data() + id_at, id.data(), id.size());
  char* body = request_.data() + request_.size() - body_bytes_;
  store_at(body, std::uint64_t{n});
  store_at(body + 8, static_cast<std::uint64_t>(intended.time_since_epoch().count()));
  return request_;
}

std::uint32_t WrittenMessage::n_of(std::string_view body) {
  return static_cast<std::uint32_t>(load<std::uint64_t>(body, 0));
}

Instant WrittenMessage::intended_of(std::string_view body) {
  return Instant{Duration{static_cast<std::int64_t>(load<std::uint64_t>(body, 8))}};
}

}  // namespace parley::perf
