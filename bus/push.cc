#include "bus/push.h"

#include <utility>

#include "base/random.h"

namespace parley {

PublishId new_publish_id() {
  PublishId id{};
  secure_random(id);
  return id;
}

Result<std::uint64_t> publish(BusinessPeer& peer, const Push& push,
                              std::function<void(Result<wire::PublishReply>)> on_reply) {
  wire::PublishRequest request;
  request.set_publish_id(push.id.data(), push.id.size());
  request.set_publisher(peer.name());
  request.set_keep(push.keep);
  for (const UserId user : push.users) request.add_users(user.value);
  request.set_everyone(push.everyone);
  request.set_body(push.body);
  return peer.ask(
      Verb::push_publish, peer.instance().value, request.SerializeAsString(),
      [on_reply = std::move(on_reply)](const Result<std::string>& answer) {
        wire::PublishReply reply;
        if (!answer) on_reply(tl::unexpected(answer.error()));
        else if (!reply.ParseFromString(*answer)) on_reply(fail(Errc::internal, "not a reply"));
        else on_reply(std::move(reply));
      });
}

}  // namespace parley
