#include "cli/verify/workload.h"

#include <algorithm>

#include "base/assert.h"
#include "client/sync_client.h"

namespace parley::verify {
namespace {

constexpr Duration login_limit = 60s;
constexpr Duration run_limit = 2h;
constexpr Duration sending_limit = 30s;
constexpr Duration settle_limit = 60s;
constexpr Duration receipt_limit = 20s;
constexpr Duration receipt_pause = 2500ms;
constexpr Duration logout_limit = 10s;

}  // namespace

Workload::Workload(Server server, WorkloadOptions options, Database* database)
    : server_(std::move(server)),
      options_(std::move(options)),
      database_(database),
      network_(loop_) {
  PARLEY_ASSERT(people() >= 2 && people() % 2 == 0);
  for (const auto& [name, password] : options_.people)
    for (const auto& [number, device_class] :
         {std::pair{"/1", client::DeviceClass::pc}, {"/2", client::DeviceClass::mobile}})
      devices_.push_back(std::make_unique<Device>(network_, server_,
                                                  Device::Who{.name = name,
                                                              .process = name + number,
                                                              .password = password,
                                                              .account = options_.account,
                                                              .device_class = device_class},
                                                  history_));
}

Workload::~Workload() { leave(); }

void Workload::leave() {
  for (const auto& device : devices_) device->stop();
}

bool Workload::wait_until(Duration limit, const std::function<bool()>& condition) {
  return client::run_until(loop_, limit, condition);
}

void Workload::wait(Duration length) {
  wait_until(length, [] { return false; });
}

bool Workload::restart() {
  leave();
  return std::ranges::all_of(devices_, [](const auto& d) { return d->start().has_value(); });
}

bool Workload::log_in() {
  const auto in_step = [](const auto& device) { return device->is_in_step(); };
  const auto given_up = [](const auto& device) { return device->has_given_up(); };
  if (!restart()) return false;
  return wait_until(login_limit,
                    [&] {
                      return std::ranges::all_of(devices_, in_step) ||
                             std::ranges::any_of(devices_, given_up);
                    }) &&
         std::ranges::none_of(devices_, given_up);
}

bool Workload::is_fresh() {
  for (std::size_t user = 0; user < people(); ++user)
    writer(user).ask_pages(conversation_of(2 * user), Seq{1});
  const auto answered = [&] {
    for (std::size_t user = 0; user < people(); ++user)
      if (!writer(user).first_head()) return false;
    return true;
  };
  if (!wait_until(login_limit, answered)) return false;
  for (std::size_t user = 0; user < people(); ++user)
    if (writer(user).first_head() != Seq{}) return false;
  return true;
}

bool Workload::run_until(const std::function<bool()>& condition) {
  const Instant begin = monotonic_now();
  for (std::size_t user = 0; user < people(); ++user)
    writer(user).write_to(writer(user ^ 1).user(), {options_.outbox, options_.pause});
  const bool done = wait_until(run_limit, condition);
  ran_ += monotonic_now() - begin;
  return done;
}

bool Workload::nobody_waits() const {
  return std::ranges::all_of(devices_, [](const auto& d) { return d->unanswered() == 0; });
}

void Workload::ask_for_strangers_pages() {
  if (people() < 4) return;
  for (std::size_t i = 0; i < devices_.size(); ++i)
    devices_[i]->ask_pages(conversation_of((i + 4) % devices_.size()), Seq{1});
}

bool Workload::finish_sending() {
  for (const auto& device : devices_) device->quiet();
  history_.add(monotonic_now(), "nemesis", Healed{});
  const bool answered = wait_until(sending_limit, [&] { return nobody_waits(); });
  for (const auto& device : devices_) device->repeat_first();
  ask_for_strangers_pages();
  return wait_until(sending_limit, [&] { return nobody_waits(); }) && answered;
}

// Pairs of users are four devices in a row.
ConversationId Workload::conversation_of(std::size_t device) const {
  return direct_conversation(devices_[device]->user(), devices_[device ^ 2]->user());
}

Conversations Workload::conversations() const {
  Conversations all;
  for (std::size_t i = 0; i < devices_.size(); ++i) all.insert(conversation_of(i));
  return all;
}

Workload::Heads Workload::newest() const {
  Heads heads;
  for (std::size_t i = 0; i < devices_.size(); ++i) {
    Seq& head = heads[conversation_of(i)];
    head = std::max(head, devices_[i]->last());
  }
  return heads;
}

// Without a database: what any of a conversation's devices knows.
Workload::Heads Workload::heads() {
  return database_ ? database_->heads(conversations()).value_or(Heads{}) : newest();
}

std::optional<Instant> Workload::waiting_since() const {
  std::optional<Instant> oldest;
  for (const auto& device : devices_)
    if (const auto since = device->waiting_since(); since && (!oldest || *since < *oldest))
      oldest = since;
  return oldest;
}

bool Workload::has_caught_up(Instant time, const Heads& then) const {
  const auto oldest = waiting_since();
  if (oldest && *oldest < time) return false;
  for (std::size_t i = 0; i < devices_.size(); ++i) {
    const Device& device = *devices_[i];
    if (!device.is_connected()) return false;
    const auto head = then.find(conversation_of(i));
    if (head != then.end() && device.last() < head->second) return false;
  }
  return true;
}

bool Workload::everybody_has(const Heads& heads) const {
  for (std::size_t i = 0; i < devices_.size(); ++i) {
    if (!devices_[i]->is_in_step()) return false;
    const auto head = heads.find(conversation_of(i));
    if (head == heads.end() || devices_[i]->last() < head->second) return false;
  }
  return true;
}

bool Workload::everybody_saw_receipts() {
  if (!database_) return true;
  const auto truth = database_->cursors(conversations());
  if (!truth) return false;
  for (std::size_t i = 0; i < devices_.size(); ++i) {
    const ConversationId conversation = conversation_of(i);
    const auto peer = truth->find({devices_[i ^ 2]->user(), conversation});
    const client::Cursors seen = devices_[i]->peer_cursors(conversation);
    if (peer == truth->end() || peer->second != std::pair{seen.received, seen.read}) return false;
  }
  return true;
}

// Receipts leave once a second at most: two equal looks further apart than that are the end.
bool Workload::receipts_have_stopped() {
  if (!database_) return wait(receipt_pause), true;
  const Instant limit = monotonic_now() + receipt_limit;
  for (CursorMap before; monotonic_now() < limit;) {
    auto now = database_->cursors(conversations());
    if (now && *now == before) return true;
    if (now) before = *std::move(now);
    wait(receipt_pause);
  }
  return false;
}

// The last device of each pair.
bool Workload::log_out_one_of_each_pair() {
  for (std::size_t i = 3; i < devices_.size(); i += 4) devices_[i]->log_out();
  return wait_until(logout_limit, [&] {
    for (std::size_t i = 3; i < devices_.size(); i += 4)
      if (!devices_[i]->has_tried_old_token()) return false;
    return true;
  });
}

bool Workload::record_end(const Heads& heads) {
  for (std::size_t i = 0; i < devices_.size(); ++i)
    if (const auto head = heads.find(conversation_of(i)); head != heads.end())
      history_.add(monotonic_now(), devices_[i]->process(),
                   Synced{.reader = devices_[i]->user(),
                          .conversation = conversation_of(i),
                          .head = head->second});
  const bool dumped = !database_ || database_->dump(conversations(), history_).has_value();
  history_.add(monotonic_now(), "nemesis", Quiesced{});
  return dumped;
}

bool Workload::settle() {
  bool whole = restart();
  const Heads end = heads();
  whole = wait_until(settle_limit, [&] { return everybody_has(end); }) && whole;
  const bool still = receipts_have_stopped();
  // A receipt's notice is a hint; a sync that begins after the last receipt is not.
  const bool again = restart();
  const bool seen = wait_until(settle_limit, [&] { return everybody_has(end); }) &&
                    wait_until(receipt_pause, [&] { return everybody_saw_receipts(); });
  const bool left = log_out_one_of_each_pair();
  return record_end(end) && whole && still && again && seen && left;
}

std::vector<UserId> Workload::users() const {
  std::vector<UserId> users;
  for (std::size_t i = 0; i < devices_.size(); i += 2) users.push_back(devices_[i]->user());
  return users;
}

std::vector<std::string> Workload::visible_errors() const {
  std::vector<std::string> all;
  for (const auto& device : devices_)
    for (const std::string& error : device->visible_errors())
      all.push_back(device->process() + ": " + error);
  return all;
}

std::size_t Workload::moves_max() const {
  std::size_t most = 0;
  for (const auto& device : devices_) most = std::max(most, device->moves());
  return most;
}

}  // namespace parley::verify
