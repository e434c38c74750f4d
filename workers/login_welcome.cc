#include "workers/login_welcome.h"

#include "proto/limits.h"
#include "proto/route.pb.h"

namespace parley {
namespace {

Delivery replacement(const LoggedIn& login) {
  wire::SessionReplaced notice;
  notice.set_user(login.user.value);
  notice.set_device_class(static_cast<wire::DeviceClass>(login.device.device_class));
  notice.set_generation(login.generation.value);
  return {.notice = Notice::login_replaced,
          .reach = Reach::every_gateway,
          .key = login.user.value,
          .users = {login.user},
          .body = notice.SerializeAsString()};
}

void fill(const LoginOptions& options, wire::Limits& out) {
  out.set_text_max(limits::text_max);
  out.set_page_max(limits::page_max);
  out.set_requests_in_flight_max(static_cast<std::uint32_t>(options.requests_in_flight_max));
  out.set_ping_every_ms(static_cast<std::uint32_t>(options.ping_every_ms));
}

}  // namespace

Result<DeviceIdentity> device_of(const wire::Device& device) {
  if (device.id() == 0) return fail(Errc::bad_request, "no device id");
  switch (device.device_class()) {
    case wire::DEVICE_CLASS_PC:
    case wire::DEVICE_CLASS_MOBILE:
    case wire::DEVICE_CLASS_WEB:
    case wire::DEVICE_CLASS_PAD:
      return DeviceIdentity{DeviceId{device.id()},
                            static_cast<std::uint8_t>(device.device_class())};
    default: return fail(Errc::bad_request, "unknown device class");
  }
}

Response welcome(const LoggedIn& login, const LoginOptions& options, const Moment& moment) {
  wire::LoginReply reply;
  reply.set_user(login.user.value);
  reply.set_name(login.name);
  reply.set_nickname(login.nickname);
  if (login.device_token) reply.set_device_token(string_of(*login.device_token));
  reply.set_access_token(string_of(login.access_token));
  reply.set_access_token_valid_ms(static_cast<std::uint32_t>(access_token_ms));
  reply.set_server_time_ms(moment.wall_ms);
  fill(options, *reply.mutable_limits());
  return {Answer{.body = reply.SerializeAsString(),
                 .flags = flag_binds_session,
                 .user = login.user,
                 .device = login.device.id,
                 .generation = login.generation,
                 .target = login.device.device_class},
          {replacement(login)}};
}

Delivery revocation(UserId user, DeviceId device, Generation up_to) {
  wire::SessionRevoked notice;
  notice.set_user(user.value);
  notice.set_device(device.value);
  notice.set_generation(up_to.value);
  return {.notice = Notice::login_revoked,
          .reach = Reach::every_gateway,
          .key = user.value,
          .users = {user},
          .body = notice.SerializeAsString()};
}

}  // namespace parley
