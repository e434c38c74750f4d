// The message that load writes, and how it is known again in the database and at its receiver.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/ids.h"

namespace parley::perf {

// The client message id of a user's nth message in a run.
ClientMessageId message_id(std::uint64_t run, UserId user, std::uint32_t n);

// A SendRequest, encoded once: all that changes between two of them are 16 bytes of id and the first
// 16 of the body, n and the moment at which it was meant to be sent.
class WrittenMessage {
 public:
  // Requires: body_bytes >= 16.
  explicit WrittenMessage(std::size_t body_bytes);
  // Valid until the next call.
  std::string_view fill(const ClientMessageId& id, std::uint32_t n, Instant intended);

  static std::uint32_t n_of(std::string_view body);
  static Instant intended_of(std::string_view body);

 private:
  std::size_t body_bytes_;
  std::string request_;
};

}  // namespace parley::perf
