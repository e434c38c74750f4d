#include "bus/event_feed.h"

#include <utility>

#include "base/log.h"
#include "base/random.h"

namespace parley {
namespace {
constexpr Duration tick_every = 100ms;
}  // namespace

struct EventFeed::Impl : std::enable_shared_from_this<EventFeed::Impl> {
  Impl(BusinessPeer& peer_in, Subscription::Options options, OnEvent on_event_in)
      : peer(peer_in),
        on_event(std::move(on_event_in)),
        core(std::move(options), secure_random_id()),
        ticks(peer.loop(), [this] {
          core.on_tick(now());
          perform();
        }) {}

  Instant now() { return peer.loop().now(); }
  void listen();
  void perform();
  void perform(const Subscription::Subscribe& subscribe);
  void perform(const Subscription::Pull& pull);
  void perform(const Subscription::Hand& hand);
  void perform(const Subscription::Lost& lost);
  template <typename Reply>
  void ask(Verb verb, const std::string& body, void (Impl::*on_reply)(Reply));
  void on_subscribed(wire::SubscribeReply reply) { core.on_subscribed(reply); }
  void on_page(wire::EventPullReply reply) { core.on_page(std::move(reply), now()); }
  void finish(std::uint64_t turn, const Status& status);

  BusinessPeer& peer;
  OnEvent on_event;
  Subscription core;
  Timer ticks;
  std::uint64_t turn = 0;  // of handing an event over: only its own Finish counts, and once
  std::function<void()> stopped;
  bool is_performing = false;
};

void EventFeed::Impl::listen() {
  peer.listen(Notice::event_news, [weak = weak_from_this()](std::uint16_t, std::uint64_t cursor) {
    const auto self = weak.lock();
    if (!self) return;
    self->core.on_news(cursor);
    self->perform();
  });
  peer.when_connected([weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self) return;
    self->core.on_connected();
    self->perform();
  });
  ticks.every(tick_every);
}

// A handler that finishes at once ends up in the core, and what follows is carried out here, not deeper and deeper.
void EventFeed::Impl::perform() {
  if (std::exchange(is_performing, true)) return;
  for (auto actions = core.take_actions(); !actions.empty(); actions = core.take_actions())
    for (const Subscription::Action& action : actions)
      std::visit([this](const auto& what) { perform(what); }, action);
  is_performing = false;
  if (!core.is_stopped()) return;
  ticks.stop();
  if (const auto done = std::exchange(stopped, nullptr)) done();
}

template <typename Reply>
void EventFeed::Impl::ask(Verb verb, const std::string& body, void (Impl::*on_reply)(Reply)) {
  const auto take = [weak = weak_from_this(), on_reply](const Result<std::string>& answer) {
    const auto self = weak.lock();
    if (!self) return;
    Reply reply;
    if (!answer) self->core.on_failed(answer.error(), self->now());
    else if (!reply.ParseFromString(*answer)) self->core.on_failed({Errc::internal}, self->now());
    else (self.get()->*on_reply)(std::move(reply));
    self->perform();
  };
  const auto asked = peer.ask(verb, peer.instance().value, body, take);
  if (!asked) core.on_failed(asked.error(), now());
}

void EventFeed::Impl::perform(const Subscription::Subscribe& subscribe) {
  ask(Verb::event_subscribe, subscribe.request.SerializeAsString(), &Impl::on_subscribed);
}

void EventFeed::Impl::perform(const Subscription::Pull& pull) {
  ask(Verb::event_pull, pull.request.SerializeAsString(), &Impl::on_page);
}

void EventFeed::Impl::perform(const Subscription::Hand& hand) {
  on_event(hand.event, [weak = weak_from_this(), mine = ++turn](const Status& status) {
    if (const auto self = weak.lock()) self->finish(mine, status);
  });
}

void EventFeed::Impl::perform(const Subscription::Lost& lost) {
  log::error("event_feed.lost", {{"before", lost.before}});
}

void EventFeed::Impl::finish(std::uint64_t mine, const Status& status) {
  if (mine != turn) return;
  ++turn;
  if (status) core.on_done();
  else core.on_event_failed(now());
  perform();
}

EventFeed::EventFeed(BusinessPeer& peer, Subscription::Options options, OnEvent on_event)
    : impl_(std::make_shared<Impl>(peer, std::move(options), std::move(on_event))) {
  impl_->listen();
}

EventFeed::~EventFeed() = default;

void EventFeed::stop(std::function<void()> done) {
  impl_->stopped = std::move(done);
  impl_->core.stop();
  impl_->perform();
}

}  // namespace parley
