#include "cli/send.h"

#include <charconv>
#include <clocale>
#include <cstdio>
#include <optional>

#include "base/process.h"
#include "client/client.h"
#include "client/sync_client.h"
#include "proto/channel.h"
#include "proto/limits.h"

namespace parley {
namespace {

using client::Outgoing;

int complain(const Error& error) {
  std::fprintf(stderr, "parley send: %s\n", reason_of(error).c_str());
  return exit_code_of(error);
}

int usage(const char* what) {
  std::fprintf(stderr, "parley send: %s\n", what);
  return exit_usage;
}

std::optional<ClientMessageId> parse_id(std::string_view hex) {
  ClientMessageId id{};
  if (hex.size() != 2 * id.size()) return std::nullopt;
  for (std::size_t i = 0; i < id.size(); ++i) {
    const char* begin = hex.data() + 2 * i;
    const auto [end, error] = std::from_chars(begin, begin + 2, id[i], 16);
    if (error != std::errc{} || end != begin + 2) return std::nullopt;
  }
  return id;
}

std::string to_hex(const ClientMessageId& id) {
  std::string hex;
  for (const std::uint8_t byte : id) {
    char two[3];
    std::snprintf(two, sizeof two, "%02x", byte);
    hex += two;
  }
  return hex;
}

// The one message, from the login to its ack.
class Sending : private client::Observer {
 public:
  Sending(AccountInUse& account, std::string password, Duration limit)
      : network_(loop_),
        deadline_(monotonic_now() + limit),
        signal_(loop_, [this] { is_interrupted_ = true; }),
        client_(network_, account.server, account.client,
                {.name = account.user, .password = std::move(password)}, *account.log, *this) {}

  Result<client::Ack> send(const std::string& peer, const ClientMessageId& id, std::string text) {
    PARLEY_CHECK(client_.start());
    PARLEY_CHECK(wait([&] { return client_.is_ready(); }));
    PARLEY_TRY(const UserId user, find(peer));
    if (user == client_.user()) return fail(Errc::bad_request, "that is you");
    id_ = id;
    PARLEY_CHECK(client_.send(
        {.id = id, .conversation = client_.conversation_with(user), .body = std::move(text)}));
    const Status waited = wait([&] { return result_.has_value(); });
    if (result_) return *result_;
    // Too late, or interrupted. The caller decides whether it is sent again, with the same id: not the next
    // start behind his back. (Killed outright it stays in the outbox, and the next start does send it.)
    PARLEY_CHECK(client_.abandon(id));
    return tl::unexpected(waited.error());
  }

 private:
  void on_state(const client::StateChanged& state) override { state_ = state; }
  void on_send_result(const client::SendDone& done) override {
    if (done.id == id_) result_ = done.result;
  }

  Status wait(const std::function<bool()>& condition) {
    const auto is_over = [&] {
      return condition() || is_interrupted_ || state_.phase == client::Phase::stopped;
    };
    client::run_until(loop_, std::max(deadline_ - monotonic_now(), Duration::zero()), is_over);
    if (condition()) return {};
    if (is_interrupted_) return fail(Errc::disconnected, "interrupted");
    const bool has_reason =
        state_.phase == client::Phase::stopped || state_.phase == client::Phase::waiting;
    if (has_reason) return tl::unexpected(state_.why);
    return fail(Errc::disconnected, "not within the time allowed");
  }

  Result<UserId> find(const std::string& peer) {
    std::optional<Result<std::vector<client::Profile>>> answer;
    PARLEY_CHECK(client_.find(std::span(&peer, 1), {}, [&](auto result) { answer = result; }));
    PARLEY_CHECK(wait([&] { return answer.has_value(); }));
    PARLEY_CHECK(*answer);
    if ((*answer)->empty()) return fail(Errc::not_found, "no user \"" + peer + "\"");
    return (*answer)->front().user;
  }

  Loop loop_;
  client::Network network_;
  Instant deadline_;
  bool is_interrupted_ = false;
  TerminationSignal signal_;
  client::StateChanged state_{.phase = client::Phase::connecting};
  ClientMessageId id_{};
  std::optional<Result<client::Ack>> result_;
  client::Client client_;
};

}  // namespace

int run_send(const SendOptions& options) {
  std::setlocale(LC_ALL, "");
  init_crypto();
  if (options.peer.empty()) return usage("to whom? --to NAME");
  if (options.seconds < 1 || options.seconds > 600) return usage("--timeout: 1 … 600 seconds");
  const auto id = options.id.empty() ? client::new_message_id() : parse_id(options.id);
  if (!id) return usage("--id: 32 hex digits");
  const bool from_input = options.text.empty() || options.text == "-";
  std::string text = from_input ? read_input(limits::text_max) : options.text;
  auto account = open_account(options.account);
  if (!account) return complain(account.error());
  auto password = password_for(*account);
  if (!password) return complain(password.error());
  // Only now: until here Ctrl-C ends us at once, and nothing is lost by it.
  block_termination_signals();
  Sending sending(*account, *std::move(password), std::chrono::seconds(options.seconds));
  const auto ack = sending.send(options.peer, *id, std::move(text));
  if (ack) return std::printf("%llu\n", static_cast<unsigned long long>(ack->seq.value)) < 0;
  const int code = complain(ack.error());
  if (code == exit_retry)
    std::fprintf(stderr, "It is not known to be sent. To repeat it safely add: --id %s\n",
                 to_hex(*id).c_str());
  return code;
}

}  // namespace parley
