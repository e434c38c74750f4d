#include "bus/gatekeeper.h"

#include <algorithm>
#include <utility>

#include "base/config.h"
#include "base/log.h"

namespace parley {
namespace {
constexpr std::size_t budget = 64;  // questions per turn
}  // namespace

Result<std::unique_ptr<Gatekeeper>> Gatekeeper::open(Loop& loop, ZmqContext& context,
                                                     const std::string& list_file,
                                                     Handlers handlers, Metrics& metrics) {
  PARLEY_TRY(std::string text, read_trusted_file(list_file, key_list_bytes_max));
  PARLEY_TRY(KeyList list, KeyList::parse(text, list_file));
  return std::unique_ptr<Gatekeeper>(
      new Gatekeeper(loop, context, KeyWatch(std::move(list), std::move(text), list_file),
                     std::move(handlers), metrics));
}

Gatekeeper::Gatekeeper(Loop& loop, ZmqContext& context, KeyWatch watch, Handlers handlers,
                       Metrics& metrics)
    : watch_(std::move(watch)),
      handlers_(std::move(handlers)),
      admitted_(metrics.counter("parley_broker_keys_admitted_total",
                                "connections whose key is on the allow-list")),
      refused_(metrics.counter("parley_broker_keys_refused_total",
                               "connections whose key is not on the allow-list")),
      reloads_(metrics.counter("parley_broker_key_list_reloads_total",
                               "times that a changed allow-list was taken")),
      broken_(metrics.counter("parley_broker_key_list_broken_total",
                              "times that a changed allow-list could not be taken")),
      keys_(metrics.gauge("parley_broker_keys", "keys on the allow-list")),
      questions_(loop, ZmqSocket::zap(context), budget,
                 {.read_one = [this](ZmqSocket& socket) { return answer_one(socket); }}),
      looks_(loop, [this] { look(KeyWatch::Settling::needed); }) {
  keys_.set(static_cast<double>(watch_.list().entries().size()));
  looks_.every(KeyWatch::look_every);
}

// A question is what routes it, up to an empty frame, and then its own frames.
bool Gatekeeper::answer_one(ZmqSocket& socket) {
  if (!socket.receive_frames(frames_)) return false;
  const auto empty = std::ranges::find(frames_, std::string());
  if (empty == frames_.end()) return true;
  const std::vector<std::string> question(empty + 1, frames_.end());
  const auto request = parse_zap_request(question);
  const auto answer =
      request ? zap_reply(*request, judge(*request)) : zap_reply_to_malformed(question);
  if (answer.empty()) return true;
  frames_.erase(empty + 1, frames_.end());
  frames_.insert(frames_.end(), answer.begin(), answer.end());
  socket.send_frames(frames_);
  return true;
}

ZapAnswer Gatekeeper::judge(const ZapRequest& request) {
  const bool is_listed = find(request.key) != nullptr;
  (is_listed ? admitted_ : refused_).add();
  if (is_listed) return ZapAnswer::admitted;
  handlers_.on_refused(request);
  return ZapAnswer::refused;
}

void Gatekeeper::look(KeyWatch::Settling settling) {
  switch (watch_.look(read_trusted_file(watch_.path(), key_list_bytes_max), settling)) {
    case KeyWatch::Outcome::nothing: return;
    case KeyWatch::Outcome::broken:
      broken_.add();
      log::error("broker.key_list_refused", {{"why", watch_.error()}});
      return;
    case KeyWatch::Outcome::changed: break;
  }
  reloads_.add();
  keys_.set(static_cast<double>(watch_.list().entries().size()));
  log::info("broker.key_list_taken", {{"keys", watch_.list().entries().size()}});
  handlers_.on_change();
}

}  // namespace parley
