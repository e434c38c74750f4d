// A business system says something to users (proto/push.proto).
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "bus/business_peer.h"
#include "proto/push.pb.h"

namespace parley {

using PublishId = std::array<std::uint8_t, 16>;
PublishId new_publish_id();

struct Push {
  // The same push again, after whatever happened, has the same effect once.
  PublishId id = new_publish_id();
  wire::Keep keep = wire::KEEP_STORED;
  std::vector<UserId> users = {};  // 1 … 1000, unless everyone
  bool everyone = false;           // online only
  std::string body = {};           // 1 … 16384 bytes
};

// Publishes in the peer's name; its pushes are carried out in the order of publishing. Stored: the reply means
// committed, one receipt for each user. On a retryable error publish the same again. Errors: push.proto; at
// once: ask()'s. Returns its trace.
Result<std::uint64_t> publish(BusinessPeer& peer, const Push& push,
                              std::function<void(Result<wire::PublishReply>)> on_reply);

}  // namespace parley
