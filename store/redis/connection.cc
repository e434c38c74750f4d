#include "store/redis/connection.h"

#include <hiredis/hiredis.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace parley {
namespace {

constexpr int list_max = 1'024;  // elements of one reply
constexpr std::size_t unread_bytes_max = 16 << 20;

// hiredis makes room for as many elements as a reply announces, be it a thousand million that never come.
void* create_bounded_array(const redisReadTask* task, int elements) {
  if (elements > list_max) return nullptr;
  const auto* of_hiredis = static_cast<const redisReplyObjectFunctions*>(task->privdata);
  return of_hiredis->createArray(task, elements);
}

void bound_replies(redisReader& reader) {
  static redisReplyObjectFunctions bounded = [&] {
    redisReplyObjectFunctions functions = *reader.fn;
    functions.createArray = create_bounded_array;
    return functions;
  }();
  reader.privdata = std::exchange(reader.fn, &bounded);
}

RedisReply converted(const redisReply& reply) {
  RedisReply out;
  switch (reply.type) {
    case REDIS_REPLY_INTEGER:
      out.kind = RedisReply::Kind::integer;
      out.integer = reply.integer;
      break;
    case REDIS_REPLY_STRING:
    case REDIS_REPLY_STATUS:
      out.kind = RedisReply::Kind::text;
      out.text.assign(reply.str, reply.len);
      break;
    case REDIS_REPLY_ERROR:
      out.kind = RedisReply::Kind::error;
      out.text.assign(reply.str, reply.len);
      break;
    case REDIS_REPLY_ARRAY:
      out.kind = RedisReply::Kind::list;
      for (std::size_t i = 0; i < reply.elements; ++i) {
        const redisReply& element = *reply.element[i];
        if (element.type == REDIS_REPLY_STRING) out.list.emplace_back(element.str, element.len);
      }
      break;
    default: break;
  }
  return out;
}

void append_command(std::string& out, const RedisCommand& command) {
  out += "*" + std::to_string(command.size()) + "\r\n";
  for (const std::string& word : command) {
    out += "$" + std::to_string(word.size()) + "\r\n";
    out += word;
    out += "\r\n";
  }
}

redisContext* connect(const UnixAddress& address) {
  return redisConnectUnixNonBlock(address.path.c_str());
}
redisContext* connect(const TcpAddress& address) {
  return redisConnectNonBlock(address.host.c_str(), address.port);
}

}  // namespace

void RedisConnection::Close::operator()(redisContext* context) const { redisFree(context); }

RedisConnection::RedisConnection(RedisAddress address) : address_(std::move(address)) {}
RedisConnection::~RedisConnection() = default;

Result<std::vector<RedisReply>> RedisConnection::call(std::span<const RedisCommand> commands,
                                                      Instant deadline) {
  PARLEY_CHECK(ensure_open(deadline));
  out_.clear();
  for (const RedisCommand& command : commands) append_command(out_, command);
  PARLEY_CHECK(send(deadline));
  std::vector<RedisReply> replies;
  replies.reserve(commands.size());
  while (replies.size() < commands.size()) {
    PARLEY_TRY(RedisReply reply, receive(deadline));
    replies.push_back(std::move(reply));
  }
  return replies;
}

// A context with an error is dead for good (hiredis): a new one each time.
Status RedisConnection::ensure_open(Instant deadline) {
  if (context_ != nullptr) return {};
  context_.reset(std::visit([](const auto& address) { return connect(address); }, address_));
  if (context_ == nullptr) return fail(Errc::retry_later, "redis: no memory");
  if (context_->err != 0) return lost("connect");
  bound_replies(*context_->reader);
  // Writable: connected, or refused, which the first write will say.
  return await(POLLOUT, deadline);
}

// Reads while it writes: of a long pipeline Redis would otherwise wait for us to take the replies,
// and we for it to take the commands. Not redisBufferWrite, which raises SIGPIPE when Redis is
// gone.
Status RedisConnection::send(Instant deadline) {
  for (std::string_view left = out_; !left.empty();) {
    const ssize_t sent = ::send(context_->fd, left.data(), left.size(), MSG_NOSIGNAL);
    if (sent >= 0) {
      left.remove_prefix(static_cast<std::size_t>(sent));
      continue;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN) return lost(std::string("send: ") + std::strerror(errno));
    PARLEY_CHECK(await(POLLIN | POLLOUT, deadline));
    PARLEY_CHECK(take_bytes("send"));
  }
  return {};
}

Result<RedisReply> RedisConnection::receive(Instant deadline) {
  while (true) {
    void* raw = nullptr;
    if (redisGetReplyFromReader(context_.get(), &raw) != REDIS_OK) return lost("receive");
    const std::unique_ptr<void, decltype(&freeReplyObject)> reply(raw, &freeReplyObject);
    if (reply != nullptr) return converted(*static_cast<const redisReply*>(raw));
    PARLEY_CHECK(await(POLLIN, deadline));
    PARLEY_CHECK(take_bytes("receive"));
  }
}

Status RedisConnection::take_bytes(const char* what) {
  if (redisBufferRead(context_.get()) != REDIS_OK) return lost(what);
  if (context_->reader->len > unread_bytes_max) return lost("too long a reply");
  return {};
}

Status RedisConnection::await(short events, Instant deadline) {
  while (true) {
    const Duration left = deadline - monotonic_now();
    if (left <= Duration::zero()) return lost("no answer in time");
    pollfd watched{context_->fd, events, 0};
    const int ready = poll(&watched, 1, static_cast<int>(to_ms(left)) + 1);
    if (ready > 0) return {};
    if (ready < 0 && errno != EINTR) return lost("poll");
  }
}

tl::unexpected<Error> RedisConnection::lost(const std::string& what) {
  std::string detail = "redis: " + what;
  if (context_->err != 0) detail += ": " + std::string(context_->errstr);
  context_.reset();
  return fail(Errc::retry_later, std::move(detail));
}

}  // namespace parley
