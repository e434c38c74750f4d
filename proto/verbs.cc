#include "proto/verbs.h"

namespace parley {

std::optional<VerbInfo> verb_info(std::uint16_t number) {
  switch (static_cast<Verb>(number)) {
#define PARLEY_VERB(service, name, number, caller, key, body_max)                   \
  case Verb::service##_##name:                                                      \
    return VerbInfo{Verb::service##_##name, ServiceId::service, #service "." #name, \
                    Caller::caller,         KeyRule::key,       body_max};
#include "proto/verbs.def"
#undef PARLEY_VERB
  }
  return std::nullopt;
}

std::optional<NoticeInfo> notice_info(std::uint16_t number) {
  switch (static_cast<Notice>(number)) {
#define PARLEY_NOTICE(service, name, number, receiver) \
  case Notice::service##_##name:                       \
    return NoticeInfo{Notice::service##_##name, #service "." #name, Receiver::receiver};
#include "proto/notices.def"
#undef PARLEY_NOTICE
  }
  return std::nullopt;
}

std::optional<std::string_view> service_name(std::uint8_t number) {
  switch (static_cast<ServiceId>(number)) {
#define PARLEY_SERVICE(name, number) \
  case ServiceId::name:              \
    return #name;
#include "proto/services.def"
#undef PARLEY_SERVICE
  }
  return std::nullopt;
}

std::optional<ServiceId> service_named(std::string_view name) {
#define PARLEY_SERVICE(service, number) \
  if (name == #service) return ServiceId::service;
#include "proto/services.def"
#undef PARLEY_SERVICE
  return std::nullopt;
}

}  // namespace parley
