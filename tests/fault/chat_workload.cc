#include "tests/fault/chat_workload.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/random.h"
#include "client/sync_client.h"
#include "tests/fault/final_dump.h"

namespace parley::test {
namespace {

// Unique in the run: the recorder's own number of each attempt to send.
std::uint64_t next_op() {
  static std::uint64_t op = 0;
  return ++op;
}

constexpr Duration login_limit = 60s;
constexpr Duration run_limit = 2h;
constexpr Duration sending_limit = 30s;
constexpr Duration settle_limit = 60s;
constexpr Duration receipt_limit = 20s;
constexpr Duration receipt_pause = 2500ms;

client::ClientOptions options_for(const Cluster& cluster) {
  client::ClientOptions options;
  for (const std::string& gateway : cluster.gateways()) {
    const auto endpoint = client::parse_endpoint(gateway);
    EXPECT_TRUE(endpoint) << gateway;
    options.session.gateways.push_back(*endpoint);
  }
  return options;
}

MessageKey key_of(const client::Entry& entry) {
  return {.conversation = entry.conversation, .sender = entry.sender, .client_id = entry.client_id};
}

}  // namespace

ChatDevice::ChatDevice(client::Network& network, const Cluster& cluster, Who who, History& history)
    : network_(network), cluster_(cluster), who_(std::move(who)), history_(history) {}

void ChatDevice::start() {
  const auto pin = client::parse_pin(cluster_.pin());
  ASSERT_TRUE(pin);
  synced_ = false;
  is_ready_ = false;
  history_.add(monotonic_now(), who_.device, StreamBegan{});
  client_ = std::make_unique<client::Client>(network_, *pin, options_for(cluster_),
                                             client::Credentials{.name = who_.user,
                                                                 .password = "correct horse",
                                                                 .device_class = who_.device_class,
                                                                 .account = client::Account::create,
                                                                 .nickname = who_.user},
                                             log_, *this);
  ASSERT_TRUE(client_->start());
}

void ChatDevice::stop() {
  if (client_) client_->close();
  client_.reset();
}

void ChatDevice::write_to(UserId peer, std::size_t outbox) {
  peer_ = peer;
  while (open_.size() < outbox) send_next();
}

void ChatDevice::send_next() {
  client::Outgoing message{.id = client::new_message_id(),
                           .conversation = direct_conversation(user(), peer_),
                           .kind = client::MessageKind::text,
                           .body = who_.device + " says " + std::to_string(++written_)};
  const Instant now = monotonic_now();
  const Open open{next_op(), now};
  open_.emplace(message.id, open);
  history_.add(
      now, who_.device,
      SendInvoked{
          .op = open.op,
          .key = {.conversation = message.conversation, .sender = user(), .client_id = message.id},
          .body = body_hash(message.body)});
  const Status accepted = client_->send(std::move(message));
  if (!accepted) visible_errors_.push_back("send refused: " + accepted.error().detail);
}

void ChatDevice::on_send_result(const client::SendDone& done) {
  const auto found = open_.find(done.id);
  ASSERT_NE(found, open_.end()) << "a result for nothing that was sent";
  const Open open = found->second;
  open_.erase(found);
  const Instant now = monotonic_now();
  acks_.record(now - open.since);
  if (done.result) {
    history_.add(now, who_.device,
                 SendOk{.op = open.op, .seq = done.result->seq, .time_ms = done.result->time_ms});
    last_ = std::max(last_, done.result->seq);
  } else {
    const Error& error = done.result.error();
    visible_errors_.push_back(std::string(name_of(error.code)) + " for a message: " + error.detail);
    if (is_retryable(error.code))
      history_.add(now, who_.device, SendUnknown{.op = open.op});
    else
      history_.add(now, who_.device,
                   SendFailed{.op = open.op, .error = std::string(name_of(error.code))});
  }
  if (peer_) send_next();
}

void ChatDevice::on_message(const client::Entry& entry) {
  last_ = std::max(last_, entry.seq);
  history_.add(
      monotonic_now(), who_.device,
      Delivered{
          .reader = user(), .key = key_of(entry), .seq = entry.seq, .body = body_hash(entry.body)});
}

// Of our own cursors the SDK tells what this device wants them to be, which the server may not know
// yet.
void ChatDevice::on_receipt(const client::ReceiptMoved& moved) {
  if (moved.user == user()) return;
  history_.add(monotonic_now(), who_.device,
               ReceiptSeen{.user = moved.user,
                           .conversation = moved.conversation,
                           .received = moved.cursors.received,
                           .read = moved.cursors.read});
}

// A gateway that says goodbye first is no loss.
void ChatDevice::on_state(const client::StateChanged& state) {
  const bool was_ready = std::exchange(is_ready_, state.phase == client::Phase::ready);
  if (is_ready_ || !was_ready || !client_) return;
  if (state.why.code == Errc::going_away)
    ++moves_;
  else
    visible_errors_.push_back("connection lost: " + std::string(name_of(state.why.code)) + " " +
                              state.why.detail);
}

void ChatDevice::on_log_failed(const Error& error) { visible_errors_.push_back(error.detail); }

ChatWorkload::ChatWorkload(Cluster& cluster, ChatOptions options)
    : cluster_(cluster), options_(options), network_(loop_) {
  for (unsigned user = 0; user < 2 * options.pairs; ++user) {
    const std::string name = "user-" + std::to_string(user);
    devices_.push_back(std::make_unique<ChatDevice>(
        network_, cluster, ChatDevice::Who{name, name + "/1", client::DeviceClass::pc}, history_));
    devices_.push_back(std::make_unique<ChatDevice>(
        network_, cluster, ChatDevice::Who{name, name + "/2", client::DeviceClass::mobile},
        history_));
  }
}

ChatWorkload::~ChatWorkload() {
  for (const auto& device : devices_) device->stop();
}

bool ChatWorkload::wait_until(Duration limit, const std::function<bool()>& condition) {
  return client::run_until(loop_, limit, condition);
}

bool ChatWorkload::log_in() {
  const auto in_step = [](const auto& device) { return device->is_in_step(); };
  for (const auto& device : devices_) device->start();
  return wait_until(login_limit, [&] { return std::ranges::all_of(devices_, in_step); });
}

bool ChatWorkload::run_until(const std::function<bool()>& condition) {
  const Instant begin = monotonic_now();
  const unsigned users = 2 * options_.pairs;
  for (unsigned user = 0; user < users; ++user)
    writer(user).write_to(writer(user ^ 1).user(), options_.outbox);
  const bool done = wait_until(run_limit, condition);
  ran_ += monotonic_now() - begin;
  return done;
}

bool ChatWorkload::finish_sending() {
  for (const auto& device : devices_) device->quiet();
  history_.add(monotonic_now(), "nemesis", Healed{});
  return wait_until(sending_limit, [&] {
    return std::ranges::all_of(devices_, [](const auto& d) { return d->unacknowledged() == 0; });
  });
}

// Pairs of users are four devices in a row.
ConversationId ChatWorkload::conversation_of(unsigned device) const {
  return direct_conversation(devices_[device]->user(), devices_[device ^ 2]->user());
}

bool ChatWorkload::everybody_has(const std::map<ConversationId, Seq>& heads) const {
  for (unsigned i = 0; i < devices_.size(); ++i) {
    if (!devices_[i]->is_in_step()) return false;
    const auto head = heads.find(conversation_of(i));
    if (head == heads.end() || devices_[i]->last() < head->second) return false;
  }
  return true;
}

bool ChatWorkload::everybody_saw_receipts() {
  const CursorMap truth = cursors_of(cluster_);
  for (unsigned i = 0; i < devices_.size(); ++i) {
    const ConversationId conversation = conversation_of(i);
    const auto peer = truth.find({devices_[i ^ 2]->user(), conversation});
    const client::Cursors seen = devices_[i]->peer_cursors(conversation);
    if (peer == truth.end() || peer->second != std::pair{seen.received, seen.read}) return false;
  }
  return true;
}

void ChatWorkload::record_synced(const std::map<ConversationId, Seq>& heads) {
  for (unsigned i = 0; i < devices_.size(); ++i)
    if (const auto head = heads.find(conversation_of(i)); head != heads.end())
      history_.add(monotonic_now(), devices_[i]->name(),
                   Synced{.reader = devices_[i]->user(),
                          .conversation = conversation_of(i),
                          .head = head->second});
}

void ChatWorkload::restart() {
  for (const auto& device : devices_) device->stop();
  for (const auto& device : devices_) device->start();
}

// Receipts leave once a second at most: two equal looks further apart than that are the end.
bool ChatWorkload::receipts_have_stopped() {
  const Instant limit = monotonic_now() + receipt_limit;
  for (CursorMap before; monotonic_now() < limit;) {
    CursorMap now = cursors_of(cluster_);
    if (now == before) return true;
    before = std::move(now);
    wait_until(receipt_pause, [] { return false; });
  }
  return false;
}

bool ChatWorkload::settle() {
  restart();
  const std::map<ConversationId, Seq> heads = heads_of(cluster_);
  const bool whole = wait_until(settle_limit, [&] { return everybody_has(heads); });
  const bool still = receipts_have_stopped();
  // A receipt's notice is a hint; a sync that begins after the last receipt is not.
  restart();
  const bool seen = wait_until(settle_limit, [&] { return everybody_has(heads); }) &&
                    wait_until(receipt_pause, [&] { return everybody_saw_receipts(); });
  record_synced(heads);
  dump_database(cluster_, history_);
  history_.add(monotonic_now(), "nemesis", Quiesced{});
  return whole && still && seen;
}

std::vector<std::string> ChatWorkload::visible_errors() const {
  std::vector<std::string> all;
  for (const auto& device : devices_)
    for (const std::string& error : device->visible_errors())
      all.push_back(device->name() + ": " + error);
  return all;
}

std::size_t ChatWorkload::moves_max() const {
  std::size_t most = 0;
  for (const auto& device : devices_) most = std::max(most, device->moves());
  return most;
}

perf::LatencyHistogram ChatWorkload::acks() const {
  perf::LatencyHistogram all;
  for (const auto& device : devices_) all.add(device->acks());
  return all;
}

}  // namespace parley::test
