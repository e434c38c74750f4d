#include "workers/service.h"

namespace parley {

void Service::add(Verb verb, Entry entry) {
  const auto number = static_cast<std::uint16_t>(verb);
  PARLEY_ASSERT(service_of(number) == static_cast<std::uint8_t>(id_));
  PARLEY_ASSERT(entries_.try_emplace(number, std::move(entry)).second);
}

std::vector<std::string_view> Service::missing_verbs() const {
  std::vector<std::string_view> missing;
#define PARLEY_VERB(service, name, number, caller, key, body_max) \
  if (ServiceId::service == id_ && !entries_.contains(number))    \
    missing.push_back(#service "." #name);
#include "proto/verbs.def"
#undef PARLEY_VERB
  return missing;
}

std::optional<Lane> Service::lane_of(std::uint16_t verb) const {
  const auto found = entries_.find(verb);
  return found == entries_.end() ? std::nullopt : std::optional{found->second.lane};
}

std::size_t Service::slice_of(std::uint16_t verb) const {
  const auto found = entries_.find(verb);
  PARLEY_ASSERT(found != entries_.end());
  return found->second.slice;
}

Outcome Service::run(std::uint16_t verb, std::span<const BusRequest* const> requests,
                     const Moment& moment) {
  const auto found = entries_.find(verb);
  PARLEY_ASSERT(found != entries_.end());
  PARLEY_ASSERT(requests.size() <= found->second.slice);
  return found->second.run(requests, moment);
}

Status Service::admit(const VerbInfo& info, Authoriser authorise, const BusRequest& request) {
  if (request.body.size() > info.body_max) return fail(Errc::too_large, "body");
  return authorise(request.header);
}

Status allow_anyone(const EnvelopeHeader&) { return {}; }

Status allow_user(const EnvelopeHeader& header) {
  if (!is_valid(header.user)) return fail(Errc::unauthenticated, "no user in the envelope");
  return {};
}

Status allow_direct_member(const EnvelopeHeader& header) {
  PARLEY_CHECK(allow_user(header));
  const auto members = members_of(ConversationId{header.target});
  if (!members || !members->has(header.user))
    return fail(Errc::not_found, "not a conversation of his");
  return {};
}

Status allow_gateway(const EnvelopeHeader& header) {
  if (header.user || !header.id.gateway) return fail(Errc::unsupported, "a verb of gateways only");
  return {};
}

Status allow_business(const EnvelopeHeader& header) {
  if (header.user || !header.id.gateway)
    return fail(Errc::unsupported, "a verb of business systems only");
  return {};
}

}  // namespace parley
