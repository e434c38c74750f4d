// People who come by while things are broken, apart from those whose history is judged: somebody who
// logs in anew, and somebody who behaves badly. One thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/loop.h"
#include "cli/verify/device.h"
#include "client/sync_client.h"

namespace parley::test {

class Visitors {
 public:
  explicit Visitors(verify::Server server) : server_(std::move(server)) {}

  // Two accounts that know each other; before anything is broken. False: they cannot register.
  bool register_all();

  // A new device logs in with a password, and leaves. Whether it did within `limit`.
  bool log_in(Duration limit);

  // Somebody with a loop of his own, who sleeps unless he is called.
  struct Guest {
    Loop loop;
    client::Network network{loop};
    std::unique_ptr<client::SyncClient> client;
  };
  // Nothing: he cannot log in within some seconds.
  std::unique_ptr<Guest> invite(const std::string& name, client::DeviceClass device_class);
  static constexpr const char* names[] = {"visitor-1", "visitor-2"};

 private:
  std::unique_ptr<Guest> make(const std::string& name, client::DeviceClass device_class,
                              client::Account account);

  verify::Server server_;
};

}  // namespace parley::test
