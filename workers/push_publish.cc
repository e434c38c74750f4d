#include "workers/push_publish.h"

#include <algorithm>
#include <cstring>
#include <tuple>

#include "base/assert.h"
#include "base/log.h"
#include "base/utf8.h"
#include "proto/limits.h"
#include "workers/account_rules.h"

namespace parley {
namespace {

Status check(const Request<wire::PublishRequest>& request) {
  const wire::PublishRequest& asked = request.body;
  if (asked.publish_id().size() != std::tuple_size_v<ClientMessageId>)
    return fail(Errc::bad_request, "publish_id is not 16 bytes");
  // What the bus calls a name, and nothing that looks like another.
  if (!is_bus_name(asked.publisher()) ||
      instance_id(asked.publisher()) != request.header.id.gateway)
    return fail(Errc::refused, "publisher is not the sender");
  if (asked.keep() != wire::KEEP_ONLINE_ONLY && asked.keep() != wire::KEEP_STORED)
    return fail(Errc::bad_request, "unknown keep");
  if (asked.everyone() && (asked.keep() != wire::KEEP_ONLINE_ONLY || asked.users_size() != 0))
    return fail(Errc::bad_request, "everyone is online only and has no users beside");
  if (!asked.everyone() && asked.users().empty()) return fail(Errc::bad_request, "no users");
  if (static_cast<std::size_t>(asked.users_size()) > limits::publish_users_max)
    return fail(Errc::bad_request, "too many users");
  if (asked.body().empty()) return fail(Errc::bad_request, "empty body");
  if (asked.body().size() > limits::text_max) return fail(Errc::too_large, "body");
  return {};
}

std::uint16_t kind_of(const std::string& body) {
  const bool is_text = is_utf8(body) && body.find('\0') == std::string::npos;
  return is_text ? wire::MESSAGE_KIND_TEXT : wire::MESSAGE_KIND_CUSTOM;
}

std::string notice_of(const wire::PublishRequest& asked) {
  wire::PushNotice notice;
  notice.set_publish_id(asked.publish_id());
  notice.set_publisher(asked.publisher());
  notice.set_body(asked.body());
  return notice.SerializeAsString();
}

// Each user once, in ascending order; those that cannot exist are left out.
std::vector<UserId> distinct_users(const wire::PublishRequest& asked) {
  std::vector<UserId> users;
  for (const std::uint64_t id : asked.users()) {
    if (is_valid(UserId{id})) users.push_back(UserId{id});
  }
  std::ranges::sort(users);
  users.erase(std::ranges::unique(users).begin(), users.end());
  return users;
}

wire::PublishReply::Receipt& receipt_in(wire::PublishReply& reply, std::uint64_t user,
                                        wire::Fate fate) {
  auto& receipt = *reply.add_receipts();
  receipt.set_user(user);
  receipt.set_fate(fate);
  return receipt;
}

}  // namespace

Response PushPublisher::publish(const Request<wire::PublishRequest>& request,
                                const Moment& moment) {
  PARLEY_CHECK(check(request));
  if (request.body.keep() == wire::KEEP_STORED) return store(request.body, moment);
  const std::uint64_t target = request.header.id.gateway.value;
  if (!request.body.everyone()) return send_to_users(request.body, target);
  return {answer_with(wire::PublishReply()),
          {{.notice = Notice::push_message,
            .reach = Reach::everyone,
            .key = target,
            .target = target,
            .body = notice_of(request.body)}}};
}

Response PushPublisher::store(const wire::PublishRequest& asked, const Moment& moment) {
  PARLEY_TRY(const UserId sender, service_account(asked.publisher()));
  std::vector<UserId> users = distinct_users(asked);
  std::erase(users, sender);
  NewEntry entry{.conversation = {},
                 .sender = sender,
                 .kind = kind_of(asked.body()),
                 .body = asked.body(),
                 .time_ms = moment.wall_ms};
  std::memcpy(entry.client_id.data(), asked.publish_id().data(), entry.client_id.size());
  std::vector<Posting> postings;
  for (const UserId user : users) {
    entry.conversation = direct_conversation(sender, user);
    postings.push_back({entry});
  }

  std::vector<Delivery> deliveries;
  const auto results = poster_.post(postings, deliveries);
  for (const auto& result : results) {
    // What was stored stays, and is told; publishing the same again does the rest.
    if (!result && result.error().code != Errc::not_found)
      return {tl::unexpected(result.error()), std::move(deliveries)};
  }
  wire::PublishReply reply;
  for (const std::uint64_t id : asked.users()) {
    const auto at = std::ranges::lower_bound(users, UserId{id});
    const bool asked_for = at != users.end() && *at == UserId{id};
    const auto place = static_cast<std::size_t>(at - users.begin());
    if (!asked_for || !results[place]) {
      receipt_in(reply, id, wire::FATE_UNKNOWN_USER);
      continue;
    }
    auto& receipt = receipt_in(reply, id, wire::FATE_STORED);
    receipt.set_conversation(postings[place].entry.conversation.value);
    receipt.set_number(results[place]->seq.value);
  }
  return {answer_with(reply), std::move(deliveries)};
}

Response PushPublisher::send_to_users(const wire::PublishRequest& asked, std::uint64_t target) {
  std::vector<UserId> users = distinct_users(asked);
  // Without the cache, or with half of it, every gateway is told: any of them may have the users.
  const auto routes = users.empty() ? Result<Routes>(Routes{}) : routes_.lookup(users);
  const bool known = routes && !routes->emptied;
  std::vector<UserId> reached;
  for (std::size_t i = 0; i < users.size(); ++i) {
    if (!known || !routes->gateways[i].empty()) reached.push_back(users[i]);
  }
  wire::PublishReply reply;
  for (const std::uint64_t id : asked.users()) {
    const bool sent = std::ranges::binary_search(reached, UserId{id});
    receipt_in(reply, id, sent ? wire::FATE_SENT : wire::FATE_OFFLINE);
  }
  if (reached.empty()) return answer_with(reply);
  return {answer_with(reply),
          {{.notice = Notice::push_message,
            .key = target,
            .target = target,
            .users = std::move(reached),
            .body = notice_of(asked)}}};
}

Result<UserId> PushPublisher::service_account(const std::string& publisher) {
  if (const UserId* known = accounts_.find(publisher)) return *known;
  PARLEY_TRY(const UserId user, found_or_made(publisher));
  accounts_.put(publisher, user);
  return user;
}

Result<UserId> PushPublisher::found_or_made(const std::string& publisher) {
  const std::string name = std::string(service_name_prefix) + publisher;
  for (int attempt = 0; attempt < 2; ++attempt) {
    PARLEY_TRY(const auto account, users_.account_named(name));
    if (account && account->name != name)
      return fail(Errc::conflict, "a publisher of another case has the name");
    if (account) return account->id;
    const auto made = users_.create_account(
        {.name = name, .nickname = publisher, .password_hash = hasher_.nobodys_hash()});
    if (made) log::info("push.service_account", {{"publisher", publisher}, {"user", *made}});
    // conflict: another worker was faster.
    if (made || made.error().code != Errc::conflict) return made;
  }
  return fail(Errc::retry_later, "service account");
}

}  // namespace parley
