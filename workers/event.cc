// Service `event`: business systems follow what happens, from the outbox (proto/event.proto).
#include "proto/event.pb.h"
#include "workers/services.h"

namespace parley {
namespace {

Result<EventKinds> kinds_of(const wire::SubscribeRequest& asked) {
  EventKinds kinds;
  for (const int kind : asked.kinds()) {
    switch (kind) {
      case wire::EVENT_KIND_MESSAGE: kinds.messages = true; break;
      case wire::EVENT_KIND_PRESENCE: kinds.presence = true; break;
      default: return fail(Errc::bad_request, "unknown kind of event");
    }
  }
  if (kinds == EventKinds{}) return fail(Errc::bad_request, "no kind of event");
  return kinds;
}

void fill(const LoggedEvent& logged, wire::Event& out) {
  out.set_kind(wire::EVENT_KIND_MESSAGE);
  wire::MessageEvent& message = *out.mutable_message();
  message.set_conversation(logged.conversation.value);
  if (const auto members = members_of(logged.conversation))
    message.set_receiver(members->other(logged.entry.sender).value);
  wire::Entry& entry = *message.mutable_entry();
  entry.set_seq(logged.entry.seq.value);
  entry.set_sender(logged.entry.sender.value);
  entry.set_client_id(logged.entry.client_id.data(), logged.entry.client_id.size());
  entry.set_kind(static_cast<wire::MessageKind>(logged.entry.kind));
  entry.set_body(logged.entry.body);
  entry.set_time_ms(logged.entry.time_ms);
}

void fill(const PresenceChange& change, wire::Event& out) {
  out.set_kind(wire::EVENT_KIND_PRESENCE);
  wire::PresenceEvent& presence = *out.mutable_presence();
  presence.set_user(change.user.value);
  presence.set_online(change.online);
  presence.set_time_ms(change.time_ms);
}

Response subscribe(EventStore& events, const Request<wire::SubscribeRequest>& request) {
  PARLEY_TRY(const EventKinds kinds, kinds_of(request.body));
  PARLEY_TRY(const EventCursor cursor, events.subscribe(request.header.id.gateway, kinds));
  wire::SubscribeReply reply;
  reply.set_cursor(cursor.value);
  return answer_with(reply);
}

Response pull(EventStore& events, const Request<wire::EventPullRequest>& request) {
  const wire::EventPullRequest& asked = request.body;
  if (asked.limit() == 0) return fail(Errc::bad_request, "limit 0");
  PARLEY_TRY(const EventPage page,
             events.pull(request.header.id.gateway, EventCursor{asked.cursor()},
                         {.events = asked.limit()}));
  wire::EventPullReply reply;
  for (const Event& event : page.events) {
    wire::Event& out = *reply.add_events();
    out.set_cursor(event.cursor.value);
    std::visit([&](const auto& what) { fill(what, out); }, event.what);
  }
  reply.set_cursor(page.next.value);
  reply.set_more(page.more);
  reply.set_lost_before(page.lost_before.value);
  return answer_with(reply);
}

Response unsubscribe(EventStore& events, const Request<wire::UnsubscribeRequest>& request) {
  PARLEY_CHECK(events.unsubscribe(request.header.id.gateway));
  return answer_with(wire::UnsubscribeReply());
}

}  // namespace

Service make_event_service(const ServiceDeps& deps) {
  EventStore& events = deps.events;
  Service service(ServiceId::event);
  service.on_each<wire::SubscribeRequest>(
      Verb::event_subscribe, Lane::business, allow_business,
      [&events](const auto& request, const Moment&) { return subscribe(events, request); });
  service.on_each<wire::EventPullRequest>(
      Verb::event_pull, Lane::business, allow_business,
      [&events](const auto& request, const Moment&) { return pull(events, request); });
  service.on_each<wire::UnsubscribeRequest>(
      Verb::event_unsubscribe, Lane::business, allow_business,
      [&events](const auto& request, const Moment&) { return unsubscribe(events, request); });
  return service;
}

}  // namespace parley
