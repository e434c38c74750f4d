// The tables of services, verbs and notices (services.def, verbs.def, notices.def) as values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace parley {

enum class ServiceId : std::uint8_t {
#define PARLEY_SERVICE(name, number) name = number,
#include "proto/services.def"
#undef PARLEY_SERVICE
};

enum class Verb : std::uint16_t {
#define PARLEY_VERB(service, name, number, caller, key, body_max) service##_##name = number,
#include "proto/verbs.def"
#undef PARLEY_VERB
};

enum class Notice : std::uint16_t {
#define PARLEY_NOTICE(service, name, number, receiver) service##_##name = number,
#include "proto/notices.def"
#undef PARLEY_NOTICE
};

enum class Caller : std::uint8_t { anonymous, user, gateway, business };
enum class KeyRule : std::uint8_t { target, user, connection };
enum class Receiver : std::uint8_t { client, gateway, business };

struct VerbInfo {
  Verb verb;
  ServiceId service;
  std::string_view name;  // "c2c.send"
  Caller caller;
  KeyRule key;
  std::size_t body_max;  // bytes
};

struct NoticeInfo {
  Notice notice;
  std::string_view name;  // "c2c.message"
  Receiver receiver;
};

// Nothing if this build does not know the number.
std::optional<VerbInfo> verb_info(std::uint16_t number);
std::optional<NoticeInfo> notice_info(std::uint16_t number);
// "c2c"; nothing for an unknown number. And the other way round.
std::optional<std::string_view> service_name(std::uint8_t number);
std::optional<ServiceId> service_named(std::string_view name);

constexpr std::uint8_t service_of(std::uint16_t verb) {
  return static_cast<std::uint8_t>(verb >> 8);
}
// Whether it is for a business system.
constexpr bool is_app_verb(std::uint16_t verb) {
  return service_of(verb) == static_cast<std::uint8_t>(ServiceId::app);
}

}  // namespace parley
