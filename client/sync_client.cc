#include "client/sync_client.h"

#include <utility>

namespace parley::client {

bool run_until(Loop& loop, Duration limit, const std::function<bool()>& condition) {
  if (condition()) return true;
  bool holds = false;
  bool is_late = false;
  Timer deadline(loop, [&] { is_late = true; });
  deadline.once(limit);
  BeforeBlock check(loop, [&] {
    holds = condition();
    if (holds || is_late) loop.stop();
  });
  while (!holds && !is_late) loop.run();
  return holds || condition();
}

SyncClient::SyncClient(Network& network, const PinnedKey& server, const ClientOptions& options,
                       Credentials credentials, LocalLog* log)
    : loop_(network.loop()),
      client_(network, server, options, std::move(credentials), log != nullptr ? *log : own_log_,
              *this) {}

bool SyncClient::run_until(Duration limit, const std::function<bool()>& condition) {
  return client::run_until(loop_, limit, condition);
}

Status SyncClient::start(Duration limit) {
  state_.phase = Phase::connecting;
  PARLEY_CHECK(client_.start());
  run_until(limit, [&] { return is_synced_ || state_.phase == Phase::stopped; });
  if (is_synced_) return {};
  if (state_.phase == Phase::stopped || state_.phase == Phase::waiting)
    return tl::unexpected(state_.why);
  return fail(Errc::disconnected, "no login within the limit");
}

template <typename T>
Result<T> SyncClient::wait_for(Duration limit,
                               const std::function<Status(Client::Callback<T>)>& ask) {
  const auto answer = std::make_shared<std::optional<Result<T>>>();
  if (!run_until(limit, [&] { return client_.is_ready(); }))
    return fail(Errc::disconnected, "not connected within the limit");
  PARLEY_CHECK(ask([answer](Result<T> result) { *answer = std::move(result); }));
  if (!run_until(limit, [&] { return answer->has_value(); }))
    return fail(Errc::disconnected, "no answer within the limit");
  return **answer;
}

Result<UserId> SyncClient::find_user(const std::string& name, Duration limit) {
  PARLEY_TRY(const auto profiles,
             wait_for<std::vector<Profile>>(limit, [&](auto callback) {
               return client_.find(std::span(&name, 1), {}, std::move(callback));
             }));
  if (profiles.empty()) return fail(Errc::not_found, "no user \"" + name + "\"");
  return profiles.front().user;
}

Result<Ack> SyncClient::send(UserId peer, const std::string& text, Duration limit) {
  PARLEY_TRY(const auto id, client_.send(client_.conversation_with(peer), text));
  if (!run_until(limit, [&] { return results_.contains(id); }))
    return fail(Errc::disconnected, "not acknowledged within the limit");
  return results_.extract(id).mapped();
}

Result<Entry> SyncClient::receive(Duration limit) {
  const auto skip_own = [&] {
    while (received_ < entries_.size() && entries_[received_].sender == client_.user()) ++received_;
    return received_ < entries_.size();
  };
  if (!run_until(limit, skip_own)) return fail(Errc::disconnected, "no message within the limit");
  return entries_[received_++];
}

Result<Page> SyncClient::history(UserId peer, Seq before, std::uint32_t count, Duration limit) {
  return wait_for<Page>(limit, [&](auto callback) {
    return client_.history(client_.conversation_with(peer), before, count, std::move(callback));
  });
}

Result<std::string> SyncClient::ask_app(const std::string& name, const std::string& body,
                                        Duration limit) {
  return wait_for<std::string>(limit, [&](auto callback) {
    return client_.ask_app(name, body, std::move(callback));
  });
}

bool SyncClient::wait_for_receipt(UserId peer, const Cursors& at_least, Duration limit) {
  const ConversationId conversation = client_.conversation_with(peer);
  return run_until(limit, [&] {
    const Cursors now = client_.peer_cursors(conversation);
    return Cursors::furthest(now, at_least) == now;
  });
}

void SyncClient::on_state(const StateChanged& state) {
  state_ = state;
  if (state.phase != Phase::ready) is_synced_ = false;
}

void SyncClient::on_message(const Entry& entry) { entries_.push_back(entry); }

void SyncClient::on_send_result(const SendDone& done) {
  results_.insert_or_assign(done.id, done.result);
}

}  // namespace parley::client
