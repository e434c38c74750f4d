// A business system follows events: subscribed under its peer's name, which its cursor belongs to, at the server. Every
// event since the subscription comes at least once, in the order of the cursors, one at a time; the next when
// this one is finished. What is finished is acknowledged, across restarts of everybody.
//
//   EventFeed feed(peer, {.kinds = {wire::EVENT_KIND_MESSAGE}},
//                  [](const wire::Event& event, EventFeed::Finish finish) { keep(event); finish({}); });
//   peer.start();
//
// Thread: the peer's loop's. Made before BusinessPeer::start(), destroyed before the peer. Decisions: subscription.h.
#pragma once

#include <functional>
#include <memory>

#include "base/result.h"
#include "bus/business_peer.h"
#include "bus/subscription.h"

namespace parley {

class EventFeed {
 public:
  // Called once, now or later. With an error the same event comes again, after a pause.
  using Finish = std::function<void(Status)>;
  using OnEvent = std::function<void(const wire::Event& event, Finish finish)>;

  EventFeed(BusinessPeer& peer, Subscription::Options options, OnEvent on_event);
  ~EventFeed();
  EventFeed(const EventFeed&) = delete;
  EventFeed& operator=(const EventFeed&) = delete;

  // After the event that is being handled, `done`; what is finished is acknowledged by then, if the server answers. To
  // be called before BusinessPeer::drain().
  void stop(std::function<void()> done);

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;  // answers that are on their way hold it weakly
};

}  // namespace parley
