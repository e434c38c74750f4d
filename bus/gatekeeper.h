// Who gets in through a broker's encrypted sockets: answers ZeroMQ's questions (ZAP) by the allow-list, and
// follows that file while it changes. Thread: the loop's.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/loop.h"
#include "base/metrics.h"
#include "base/result.h"
#include "bus/key_watch.h"
#include "bus/uv_socket.h"
#include "bus/zap.h"

namespace parley {

class Gatekeeper {
 public:
  struct Handlers {
    std::function<void(const ZapRequest& request)> on_refused;
    // The list is another one: whoever is inside may no longer be welcome.
    std::function<void()> on_change;
  };

  // Requires: no encrypted socket of this context is bound yet; all are destroyed before this.
  // config: the file is no list (key_list.h), or somebody else may write to it.
  static Result<std::unique_ptr<Gatekeeper>> open(Loop& loop, ZmqContext& context,
                                                  const std::string& list_file, Handlers handlers,
                                                  Metrics& metrics);

  // What the list says of this key now; null: nothing. Valid until the loop's next turn.
  const Principal* find(const std::string& key) const { return watch_.list().find(key); }
  // Reads the file at once, and takes it as complete.
  void reload() { look(KeyWatch::Settling::skipped); }

 private:
  Gatekeeper(Loop& loop, ZmqContext& context, KeyWatch watch, Handlers handlers, Metrics& metrics);
  bool answer_one(ZmqSocket& socket);
  ZapAnswer judge(const ZapRequest& request);
  void look(KeyWatch::Settling settling);

  KeyWatch watch_;
  Handlers handlers_;
  std::vector<std::string> frames_;
  Counter admitted_, refused_, reloads_, broken_;
  Gauge keys_;
  UvSocket questions_;
  Timer looks_;
};

}  // namespace parley
