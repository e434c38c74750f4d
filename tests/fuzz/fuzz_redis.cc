// Whatever Redis answers, the routes read from it are ids that there can be, each once, and as many as may be; all
// else is an error. Input: what is asked, then all that the server says before it closes the connection.
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <thread>

#include "base/log.h"
#include "store/redis/redis_route_store.h"
#include "tests/fuzz/fuzz.h"

namespace parley {
namespace {

// Listens in a folder of its own; each connection is told the bytes and closed.
class Server {
 public:
  Server() {
    std::string folder = std::filesystem::temp_directory_path() / "parley-fuzz-redis-XXXXXX";
    PARLEY_ASSERT(mkdtemp(folder.data()) != nullptr);
    folder_ = folder;
    path_ = folder + "/socket";
    sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
    path_.copy(address.sun_path, sizeof address.sun_path - 1);
    PARLEY_ASSERT(bind(listening_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    PARLEY_ASSERT(listen(listening_, 8) == 0);
  }
  ~Server() {
    close(listening_);
    std::filesystem::remove_all(folder_);
  }
  const std::string& path() const { return path_; }

  // To the one connection that `make` makes.
  template <typename F>
  void say(std::string_view bytes, F&& make) {
    std::jthread speaking([&] {
      const int client = accept(listening_, nullptr, nullptr);
      // On a busy machine the client may have given up.
      const ssize_t said = send(client, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      PARLEY_ASSERT(said == static_cast<ssize_t>(bytes.size()) || errno == EPIPE);
      shutdown(client, SHUT_WR);
      std::array<char, 4096> asked;
      while (read(client, asked.data(), asked.size()) > 0) {
      }
      close(client);
    });
    make();
  }

 private:
  int listening_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  std::filesystem::path folder_;
  std::string path_;
};

void check_routes(const Result<Routes>& routes, std::size_t users) {
  if (!routes) {
    PARLEY_ASSERT(routes.error().code == Errc::retry_later);
    return;
  }
  PARLEY_ASSERT(routes->gateways.size() == users);
  for (const auto& gateways : routes->gateways) {
    PARLEY_ASSERT(gateways.size() <= RedisRouteStore::gateways_max);
    PARLEY_ASSERT(std::ranges::is_sorted(gateways));
    PARLEY_ASSERT(std::ranges::adjacent_find(gateways) == gateways.end());
    PARLEY_ASSERT(std::ranges::count(gateways, InstanceId{}) == 0);
  }
}

void try_replies(std::uint8_t what, std::string_view bytes) {
  static Server server;
  const std::array users{UserId{1}, UserId{2}, UserId{3}};
  const std::span<const UserId> asked(users.data(), 1 + what / 4 % users.size());
  server.say(bytes, [&] {
    RedisRouteStore store(UnixAddress{server.path()});
    switch (what % 4) {
      case 0:
      case 1: return check_routes(store.lookup(asked), asked.size());
      case 2: {
        const Status added = store.add(InstanceId{7}, asked);
        PARLEY_ASSERT(added || added.error().code == Errc::retry_later);
        return;
      }
      default: {
        const Status marked = store.mark_refilled(7);
        PARLEY_ASSERT(marked || marked.error().code == Errc::retry_later);
      }
    }
  });
}

}  // namespace
}  // namespace parley

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // Repairs are warned of; a million of them need not be read.
  [[maybe_unused]] static const bool quiet = [] {
    parley::log::start("fuzz", parley::log::Level::error);
    parley::log::stop();
    return true;
  }();
  parley::fuzz::Input input(data, size);
  const auto what = input.number<std::uint8_t>();
  parley::try_replies(what, input.rest());
  return 0;
}
