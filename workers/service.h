// A service: for each of its verbs who may ask, and the handler. The list of services is
// services.cc.
//
//   Service service(ServiceId::c2c);
//   service.on<wire::SendRequest>(Verb::c2c_send, Lane::store, allow_direct_member, handler);
//
// Everything that is wrong with a request before its meaning is found here, once for all verbs: an
// oversized body (too_large), a caller who may not ask (the authoriser's error), a body that is no
// such message (bad_request). Such a request fails alone; the handler sees the others.
//
// Thread: the one that owns it. Keeps one decoded message per place in a batch for reuse, so that
// decoding allocates nothing in the long run: at most the largest batch times the verb's body
// limit.
#pragma once

#include <algorithm>
#include <deque>
#include <functional>
#include <iterator>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/assert.h"
#include "bus/consumer.h"
#include "workers/outcome.h"

namespace parley {

// Which thread a verb runs on (crew.h).
enum class Lane : std::uint8_t {
  store,     // executors, sharded by routing key; blocks in PostgreSQL only
  sessions,  // the same apart: however many clients come back at once, no message waits behind them
  business,  // business systems: blocks in PostgreSQL and in the route cache; no user waits behind
  hashing,   // password hashing: slow by intent, kept away from everything else
  routes     // the one thread that talks to the route cache
};

// Whether the caller may ask this at all: the one place per verb that decides it.
using Authoriser = Status (*)(const EnvelopeHeader&);

class Service {
 public:
  // Requests of one verb in order of arrival; returns exactly one answer for each.
  template <typename Message>
  using BatchHandler = std::function<Outcome(std::span<const Request<Message>>, const Moment&)>;
  template <typename Message>
  using SingleHandler = std::function<Response(const Request<Message>&, const Moment&)>;

  explicit Service(ServiceId id) : id_(id) {}

  // Requires: the verb is one of this service and not registered yet.
  template <typename Message>
  Service& on(Verb verb, Lane lane, Authoriser authorise, BatchHandler<Message> handler);
  // The adapter for handlers of one request at a time. Each may make round trips of its own, so
  // they are run in slices, after each of which the answers leave.
  template <typename Message>
  Service& on_each(Verb verb, Lane lane, Authoriser authorise, SingleHandler<Message> handler);

  ServiceId id() const { return id_; }
  // Verbs of verbs.def that nobody has registered. A worker does not start with any.
  std::vector<std::string_view> missing_verbs() const;
  // Nothing: not a verb of this service.
  std::optional<Lane> lane_of(std::uint16_t verb) const;

  // How many requests of a verb may be run at once. Requires: lane_of(verb) is something.
  std::size_t slice_of(std::uint16_t verb) const;

  // Requires: every request has this verb, they are at most slice_of(verb), and lane_of(verb) is
  // something.
  Outcome run(std::uint16_t verb, std::span<const BusRequest* const> requests,
              const Moment& moment);

 private:
  template <typename Message>
  class Decoder;
  using Runner = std::function<Outcome(std::span<const BusRequest* const>, const Moment&)>;
  struct Entry {
    Lane lane;
    std::size_t slice;
    Runner run;
  };
  static constexpr std::size_t whole_batch = std::numeric_limits<std::size_t>::max();
  static constexpr std::size_t each_slice = 16;

  template <typename Message>
  Service& add(Verb verb, Lane lane, std::size_t slice, Authoriser authorise,
               BatchHandler<Message> handler);
  void add(Verb verb, Entry entry);
  static Status admit(const VerbInfo& info, Authoriser authorise, const BusRequest& request);

  ServiceId id_;
  std::map<std::uint16_t, Entry> entries_;
};

// Decodes what is admitted of a batch, asks the handler about it, and puts its answers between the
// errors of the others.
template <typename Message>
class Service::Decoder {
 public:
  Decoder(const VerbInfo& info, Authoriser authorise, BatchHandler<Message> handler)
      : info_(info), authorise_(authorise), handler_(std::move(handler)) {}

  Outcome operator()(std::span<const BusRequest* const> requests, const Moment& moment) {
    std::vector<Result<Answer>> answers(requests.size());
    std::vector<Request<Message>> good;
    std::vector<std::size_t> places;
    good.reserve(requests.size());
    places.reserve(requests.size());
    if (pool_.size() < requests.size()) pool_.resize(requests.size());
    for (std::size_t i = 0; i < requests.size(); ++i) {
      Message& message = pool_[good.size()];
      if (Status decoded = decode(*requests[i], message); decoded) {
        good.push_back({requests[i]->header, message});
        places.push_back(i);
      } else {
        answers[i] = tl::unexpected(std::move(decoded).error());
      }
    }
    if (good.empty()) return {std::move(answers), {}};
    Outcome outcome = handler_(good, moment);
    PARLEY_ASSERT(outcome.answers.size() == good.size());
    for (std::size_t j = 0; j < places.size(); ++j)
      answers[places[j]] = std::move(outcome.answers[j]);
    return {std::move(answers), std::move(outcome.deliveries)};
  }

 private:
  Status decode(const BusRequest& request, Message& message) const {
    PARLEY_CHECK(admit(info_, authorise_, request));
    if (!message.ParseFromString(request.body))
      return fail(Errc::bad_request, "not the message of this verb");
    return {};
  }

  VerbInfo info_;
  Authoriser authorise_;
  BatchHandler<Message> handler_;
  std::deque<Message> pool_;  // one message per place, reused
};

template <typename Message>
Service& Service::add(Verb verb, Lane lane, std::size_t slice, Authoriser authorise,
                      BatchHandler<Message> handler) {
  const auto info = verb_info(static_cast<std::uint16_t>(verb));
  PARLEY_ASSERT(info.has_value());
  add(verb, {lane, slice, Decoder<Message>(*info, authorise, std::move(handler))});
  return *this;
}

template <typename Message>
Service& Service::on(Verb verb, Lane lane, Authoriser authorise, BatchHandler<Message> handler) {
  return add<Message>(verb, lane, whole_batch, authorise, std::move(handler));
}

template <typename Message>
Service& Service::on_each(Verb verb, Lane lane, Authoriser authorise,
                          SingleHandler<Message> handler) {
  return add<Message>(verb, lane, each_slice, authorise,
                      [handler = std::move(handler)](std::span<const Request<Message>> requests,
                                                     const Moment& moment) {
                        Outcome outcome;
                        for (const auto& request : requests) {
                          Response response = handler(request, moment);
                          outcome.answers.push_back(std::move(response.answer));
                          for (Delivery& delivery : response.deliveries)
                            delivery.trace = request.header.trace;
                          std::ranges::move(response.deliveries,
                                            std::back_inserter(outcome.deliveries));
                        }
                        return outcome;
                      });
}

// -- authorisers

// Anybody whom the gateway lets through: a session before login.
Status allow_anyone(const EnvelopeHeader& header);
// A session with a user. unauthenticated otherwise.
Status allow_user(const EnvelopeHeader& header);
// A member of the direct conversation that is the target. not_found otherwise, in the same words
// whether such a conversation exists or not.
Status allow_direct_member(const EnvelopeHeader& header);
// A gateway itself. unsupported otherwise: for a client there is no such verb.
Status allow_gateway(const EnvelopeHeader& header);
// A business system: the broker has checked that it is one (a verb of `business` comes from them only)
// and that id.gateway is the hash of its name. unsupported otherwise.
Status allow_business(const EnvelopeHeader& header);

}  // namespace parley
