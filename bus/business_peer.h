// A business system on the bus: asks Parley (push.h), serves clients' requests to services of its own
// ("app.payroll"), and follows events (event_feed.h). Registered at every broker of its list with one
// DEALER each; nothing that it asked is lost when a broker dies. Any number of processes may serve an app; a
// user's requests go to one of them at a time, as a rule the same.
//
//   Loop loop;  Metrics metrics;
//   BusinessPeer peer(loop, {.instance = "payroll-1", .brokers = {…}}, metrics);
//   peer.serve("app.payroll", [](AppRequest request, AppAnswer answer) { answer.reply("42"); });
//   peer.start();
//   loop.run();
//
// What it was asked and asks it remembers for operators (`parley trace`), the last 16,384 events.
// Thread: the loop's; no handler is called from within a call of this object's. Not to be destroyed from
// within one of its handlers. README.md, "Business systems", has the same for other languages.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/loop.h"
#include "base/metrics.h"
#include "base/result.h"
#include "bus/bus_request.h"
#include "bus/delivery_meter.h"
#include "bus/endpoint.h"
#include "proto/verbs.h"

namespace parley {

struct BusinessPeerOptions {
  std::string instance;              // lasting name, unique on the bus: "payroll-1"
  std::vector<BusEndpoint> brokers;  // of the brokers' gateway side
  // Clients' requests that may be unanswered here; more wait at the broker.
  std::uint32_t credit_messages = 256;
  std::uint32_t credit_bytes = 8 << 20;
  DeliveryWindow deliveries = {.messages = 256, .bytes = 1 << 20};
  std::size_t asks_max = 1'000;  // unanswered; more: ask() refuses with retry_later
  std::size_t asks_bytes_max = 16 << 20;
  Duration answer_within = 10s;  // then an ask ends with retry_later
  // An operator wants this peer to leave; may come from several brokers. Null: it drains by itself, 10 s at most.
  std::function<void()> on_drain = {};
};

// What a client asked of an app. A request may come more than once, to this process or another: after a death,
// a slow answer, a lost one. Then `id` is the same.
struct AppRequest {
  RequestId id;
  UserId user;      // authenticated by the gateway
  DeviceId device;  // likewise
  unsigned attempt = 1;
  std::uint32_t ttl_ms = 0;  // after it nobody waits for the answer any more
  std::uint64_t trace = 0;   // its name in everybody's logs: trace_text()
  std::string body;
};

// The right to answer one request, once: now or later, in the loop's thread. Destroyed without it, the
// client is told `internal`. It may outlive its peer, and its request's registration; then the answer goes
// nowhere.
class AppAnswer {
 public:
  using Sink = std::function<void(EnvelopeHeader header, std::string_view body)>;
  explicit AppAnswer(Sink sink) : sink_(std::move(sink)) {}
  AppAnswer(AppAnswer&& other) noexcept : sink_(std::exchange(other.sink_, nullptr)) {}
  AppAnswer& operator=(AppAnswer&&) = delete;
  ~AppAnswer();

  // At most limits::frame_body_max bytes; more becomes `too_large`.
  void reply(std::string_view body);
  // An error of the client protocol, up to `internal`; the hint with retryable ones only.
  void refuse(Errc code, std::uint32_t retry_after_ms = 0);

 private:
  void give(const EnvelopeHeader& header, std::string_view body);
  Sink sink_;
};

class BusinessPeer {
 public:
  // Exactly once while the peer lives. The error is the server's, or retry_later when there was no answer in
  // time: then it may have happened or not.
  using OnAnswer = std::function<void(Result<std::string> body)>;
  using OnRequest = std::function<void(AppRequest request, AppAnswer answer)>;
  using OnNotice = std::function<void(std::uint16_t notice, std::uint64_t target)>;

  BusinessPeer(Loop& loop, BusinessPeerOptions options, Metrics& metrics);
  ~BusinessPeer();
  BusinessPeer(const BusinessPeer&) = delete;
  BusinessPeer& operator=(const BusinessPeer&) = delete;

  // Requires: is_app_name(app), and start() was not called.
  void serve(std::string app, OnRequest handler);
  // Connects and registers, for ever; what was asked before goes out then.
  void start();

  // Asks a worker. `verb`: one for business systems (proto/verbs.def). Requests of one key are carried out in their
  // order. retry_later, too_large: a bound is reached. going_away: after drain(). Returns its trace, a random
  // one, by which an operator finds out what became of it: for the caller's log.
  Result<std::uint64_t> ask(Verb verb, std::uint64_t key, std::string_view body,
                            OnAnswer on_answer);

  // Notices that workers send to this peer, as hints: event.news. One listener per notice's number.
  void listen(Notice notice, OnNotice handler);
  // Called whenever a broker has (re)registered this peer: hints may have been missed.
  void when_connected(std::function<void()> handler);

  // Takes no new requests; `done` once, when all that were taken and asked are answered, or `limit` has
  // passed: then what was asked ends with retry_later first.
  void drain(Duration limit, std::function<void()> done);

  std::size_t brokers_up() const;  // at which it is registered
  bool healthy() const { return brokers_up() > 0; }
  Loop& loop();
  const std::string& name() const;
  InstanceId instance() const;  // its hash

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;  // answers that wait hold it weakly
};

}  // namespace parley
