// One connection to Redis, opened when it is first needed and again after it was lost. One thread.
// A call is one pipeline: all commands are sent, all replies awaited, within one deadline that
// includes connecting.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "store/redis/address.h"

struct redisContext;
struct redisReply;

namespace parley {

using RedisCommand = std::vector<std::string>;

// What Redis said: untrusted, since anybody who reaches it can have written it.
struct RedisReply {
  enum class Kind { nothing, integer, text, list, error };
  Kind kind = Kind::nothing;
  std::int64_t integer = 0;
  std::string text;               // also of an error
  std::vector<std::string> list;  // those elements that are text

  bool is_wrong_type() const { return kind == Kind::error && text.starts_with("WRONGTYPE"); }
};

class RedisConnection {
 public:
  explicit RedisConnection(RedisAddress address);
  ~RedisConnection();
  RedisConnection(const RedisConnection&) = delete;
  RedisConnection& operator=(const RedisConnection&) = delete;

  // One reply per command, in order. retry_later: no connection, or not all replies came by
  // `deadline`, or one has more than 1,024 elements or 16 MiB; the connection is given up, since
  // late replies would answer the wrong commands.
  Result<std::vector<RedisReply>> call(std::span<const RedisCommand> commands, Instant deadline);

 private:
  struct Close {
    void operator()(redisContext* context) const;
  };

  Status ensure_open(Instant deadline);
  Status send(Instant deadline);
  Result<RedisReply> receive(Instant deadline);
  Status take_bytes(const char* what);
  Status await(short events, Instant deadline);
  tl::unexpected<Error> lost(const std::string& what);

  RedisAddress address_;
  std::string out_;
  std::unique_ptr<redisContext, Close> context_;
};

}  // namespace parley
