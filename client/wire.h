// The SDK's requests and answers as bytes, and back: the one place of client/ that knows the protobuf classes.
// Pure. Decoders return bad_frame for bytes that are not what the protocol promises.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "client/message.h"

namespace parley::client::wire_format {

struct Device {
  DeviceId id;
  DeviceClass device_class = DeviceClass::pc;
};

struct Login {
  UserId user;
  std::string name;
  std::string nickname;
  std::string device_token;  // empty: the former one stays
  std::string access_token;
  std::uint32_t access_token_valid_ms = 0;
  std::uint32_t requests_in_flight_max = 0;  // 0: the server did not say
  std::uint32_t ping_every_ms = 0;
};

// One conversation as the server's list shows it.
struct Listed {
  ConversationId conversation;
  Seq head;
  Cursors mine{};
  Cursors peer{};
};
struct ListPage {
  std::vector<Listed> conversations;
  bool more = false;
};

struct Receipt {
  UserId user;
  Cursors cursors;
};

std::string register_account(const std::string& name, const std::string& password,
                             const std::string& nickname);
std::string password(const std::string& name, const std::string& secret, const Device& device);
std::string access_token(const std::string& token, const Device& device);
std::string resume(const std::string& device_token, const Device& device);
std::string find(std::span<const std::string> names, std::span<const UserId> users);
std::string send(const Outgoing& message);
std::string receipt(const Cursors& cursors);
std::string pull(Seq from, Seq to);
std::string history(Seq before, std::uint32_t limit);
std::string conversations(ConversationId after, std::uint32_t limit);

Result<Login> decode_login(std::string_view body);
Result<std::vector<Profile>> decode_profiles(std::string_view body);
Result<Ack> decode_ack(std::string_view body);
Result<Cursors> decode_cursors(std::string_view body);
Result<Page> decode_page(ConversationId conversation, std::string_view body);
Result<ListPage> decode_list(std::string_view body);
Result<Entry> decode_message(ConversationId conversation, std::string_view body);
Result<Receipt> decode_receipt(std::string_view body);
Result<Duration> decode_catch_up(std::string_view body);

// The body of an error or close frame. A code that this build does not know is retry_later if it comes with
// a hint (only retryable ones do), else internal: definite. An empty body is `otherwise`.
Error decode_error(std::string_view body, Errc otherwise);

}  // namespace parley::client::wire_format
