#include "perf/raw/echo.h"

#include <uv.h>

#include <list>
#include <string>

#include "base/assert.h"

namespace parley::perf {
namespace {

constexpr std::size_t buffer_bytes = 64 * 1024;

struct Connection {
  uv_tcp_t handle{};
  std::string backlog;  // what the kernel did not take at once
  uv_write_t write{};
};

}  // namespace

struct EchoServer::Impl {
  uv_loop_t loop{};
  uv_tcp_t listener{};
  uv_async_t stop{};
  std::unique_ptr<char[]> buffer = std::make_unique<char[]>(buffer_bytes);

  static Impl& of(uv_handle_t* handle) { return *static_cast<Impl*>(handle->loop->data); }

  static void close(uv_handle_t* handle) {
    if (uv_is_closing(handle)) return;
    uv_close(handle, [](uv_handle_t* closed) {
      if (closed->type == UV_TCP && closed->data) delete static_cast<Connection*>(closed->data);
    });
  }

  static void on_connection(uv_stream_t* listener, int status) {
    if (status != 0) return;
    auto* connection = new Connection;  // owned by its handle: close() deletes it
    uv_tcp_init(listener->loop, &connection->handle);
    connection->handle.data = connection;
    auto* stream = reinterpret_cast<uv_stream_t*>(&connection->handle);
    if (uv_accept(listener, stream) != 0) return close(reinterpret_cast<uv_handle_t*>(stream));
    uv_tcp_nodelay(&connection->handle, 1);
    uv_read_start(
        stream,
        [](uv_handle_t* handle, std::size_t, uv_buf_t* buffer) {
          *buffer = uv_buf_init(of(handle).buffer.get(), buffer_bytes);
        },
        on_read);
  }

  static void on_read(uv_stream_t* stream, ssize_t count, const uv_buf_t* buffer) {
    if (count < 0) return close(reinterpret_cast<uv_handle_t*>(stream));
    if (count > 0)
      echo(*static_cast<Connection*>(stream->data),
           {buffer->base, static_cast<std::size_t>(count)});
  }

  static void echo(Connection& connection, std::string_view bytes) {
    auto* stream = reinterpret_cast<uv_stream_t*>(&connection.handle);
    if (connection.backlog.empty()) {
      const uv_buf_t whole =
          uv_buf_init(const_cast<char*>(bytes.data()), static_cast<unsigned>(bytes.size()));
      const int sent = uv_try_write(stream, &whole, 1);
      if (sent > 0) bytes.remove_prefix(static_cast<std::size_t>(sent));
      if (bytes.empty()) return;
    }
    // A client that does not read what it gets back is stopped here, not buffered for.
    uv_read_stop(stream);
    connection.backlog.assign(bytes);
    const uv_buf_t rest =
        uv_buf_init(connection.backlog.data(), static_cast<unsigned>(connection.backlog.size()));
    connection.write.data = &connection;
    uv_write(&connection.write, stream, &rest, 1, on_written);
  }

  static void on_written(uv_write_t* write, int status) {
    auto& connection = *static_cast<Connection*>(write->data);
    connection.backlog.clear();
    if (status != 0) return close(reinterpret_cast<uv_handle_t*>(&connection.handle));
    uv_read_start(
        reinterpret_cast<uv_stream_t*>(&connection.handle),
        [](uv_handle_t* handle, std::size_t, uv_buf_t* buffer) {
          *buffer = uv_buf_init(of(handle).buffer.get(), buffer_bytes);
        },
        on_read);
  }

  Result<std::uint16_t> listen() {
    PARLEY_ASSERT(uv_loop_init(&loop) == 0);
    loop.data = this;
    uv_tcp_init(&loop, &listener);
    uv_async_init(&loop, &stop, [](uv_async_t* handle) {
      uv_walk(
          handle->loop, [](uv_handle_t* each, void*) { close(each); }, nullptr);
    });
    sockaddr_in address{};
    uv_ip4_addr("127.0.0.1", 0, &address);
    if (uv_tcp_bind(&listener, reinterpret_cast<const sockaddr*>(&address), 0) != 0 ||
        uv_listen(reinterpret_cast<uv_stream_t*>(&listener), 4096, on_connection) != 0)
      return fail(Errc::io, "the echo server cannot listen");
    int size = sizeof address;
    uv_tcp_getsockname(&listener, reinterpret_cast<sockaddr*>(&address), &size);
    return static_cast<std::uint16_t>((address.sin_port >> 8) | (address.sin_port << 8));
  }
};

EchoServer::EchoServer() : impl_(std::make_unique<Impl>()) {}

Result<std::unique_ptr<EchoServer>> EchoServer::start() {
  std::unique_ptr<EchoServer> server(new EchoServer);
  PARLEY_TRY(server->port_, server->impl_->listen());
  server->thread_ =
      std::thread([impl = server->impl_.get()] { uv_run(&impl->loop, UV_RUN_DEFAULT); });
  return server;
}

EchoServer::~EchoServer() {
  uv_async_send(&impl_->stop);
  if (thread_.joinable())
    thread_.join();
  else
    uv_run(&impl_->loop, UV_RUN_DEFAULT);  // it never listened: close what there is
  PARLEY_ASSERT(uv_loop_close(&impl_->loop) == 0);
}

}  // namespace parley::perf
