#include "client/wire.h"

#include <algorithm>

#include "base/random.h"
#include "proto/c2c.pb.h"
#include "proto/common.pb.h"
#include "proto/login.pb.h"

namespace parley::client {

ClientMessageId new_message_id() {
  ClientMessageId id;
  secure_random(id);
  return id;
}

namespace wire_format {
namespace {

template <typename Message>
Result<Message> parse(std::string_view body, const char* what) {
  Message message;
  if (!message.ParseFromArray(body.data(), static_cast<int>(body.size())))
    return fail(Errc::bad_frame, std::string(what) + " is not valid protobuf");
  return message;
}

void fill(wire::Device* out, const Device& device) {
  out->set_id(device.id.value);
  out->set_device_class(static_cast<wire::DeviceClass>(device.device_class));
}

Result<Entry> entry_of(ConversationId conversation, wire::Entry&& from) {
  Entry entry{.conversation = conversation,
              .seq = Seq{from.seq()},
              .sender = UserId{from.sender()},
              .kind = static_cast<MessageKind>(from.kind()),
              .body = std::move(*from.mutable_body()),
              .time_ms = from.time_ms()};
  if (from.client_id().size() != entry.client_id.size() || !entry.seq)
    return fail(Errc::bad_frame, "an entry without number or client id");
  std::copy(from.client_id().begin(), from.client_id().end(), entry.client_id.begin());
  return entry;
}

}  // namespace

std::string register_account(const std::string& name, const std::string& secret,
                             const std::string& nickname) {
  wire::RegisterRequest request;
  request.set_name(name);
  request.set_password(secret);
  request.set_nickname(nickname);
  return request.SerializeAsString();
}

std::string password(const std::string& name, const std::string& secret, const Device& device) {
  wire::PasswordRequest request;
  request.set_name(name);
  request.set_password(secret);
  fill(request.mutable_device(), device);
  return request.SerializeAsString();
}

std::string access_token(const std::string& token, const Device& device) {
  wire::TokenRequest request;
  request.set_access_token(token);
  fill(request.mutable_device(), device);
  return request.SerializeAsString();
}

std::string resume(const std::string& device_token, const Device& device) {
  wire::ResumeRequest request;
  request.set_device_token(device_token);
  fill(request.mutable_device(), device);
  return request.SerializeAsString();
}

std::string find(std::span<const std::string> names, std::span<const UserId> users) {
  wire::FindRequest request;
  for (const std::string& name : names) request.add_names(name);
  for (const UserId user : users) request.add_users(user.value);
  return request.SerializeAsString();
}

std::string send(const Outgoing& message) {
  wire::SendRequest request;
  request.set_client_id(message.id.data(), message.id.size());
  request.set_kind(static_cast<wire::MessageKind>(message.kind));
  request.set_body(message.body);
  return request.SerializeAsString();
}

std::string receipt(const Cursors& cursors) {
  wire::ReceiptRequest request;
  request.set_received(cursors.received.value);
  request.set_read(cursors.read.value);
  return request.SerializeAsString();
}

std::string pull(Seq from, Seq to) {
  wire::PullRequest request;
  request.set_from(from.value);
  request.set_to(to.value);
  return request.SerializeAsString();
}

std::string history(Seq before, std::uint32_t limit) {
  wire::HistoryRequest request;
  request.set_before(before.value);
  request.set_limit(limit);
  return request.SerializeAsString();
}

std::string conversations(ConversationId after, std::uint32_t limit) {
  wire::ConversationsRequest request;
  request.set_after(after.value);
  request.set_limit(limit);
  return request.SerializeAsString();
}

Result<Login> decode_login(std::string_view body) {
  PARLEY_TRY(const auto reply, parse<wire::LoginReply>(body, "LoginReply"));
  if (!is_valid(UserId{reply.user()})) return fail(Errc::bad_frame, "a login without a user");
  return Login{.user = UserId{reply.user()},
               .name = reply.name(),
               .nickname = reply.nickname(),
               .device_token = reply.device_token(),
               .access_token = reply.access_token(),
               .access_token_valid_ms = reply.access_token_valid_ms(),
               .requests_in_flight_max = reply.limits().requests_in_flight_max(),
               .ping_every_ms = reply.limits().ping_every_ms()};
}

Result<std::vector<Profile>> decode_profiles(std::string_view body) {
  PARLEY_TRY(const auto reply, parse<wire::FindReply>(body, "FindReply"));
  std::vector<Profile> profiles;
  for (const wire::Profile& profile : reply.profiles())
    profiles.push_back({UserId{profile.user()}, profile.name(), profile.nickname()});
  return profiles;
}

Result<Ack> decode_ack(std::string_view body) {
  PARLEY_TRY(const auto reply, parse<wire::SendReply>(body, "SendReply"));
  if (reply.seq() == 0) return fail(Errc::bad_frame, "an ack without a number");
  return Ack{.seq = Seq{reply.seq()}, .time_ms = reply.time_ms()};
}

Result<Cursors> decode_cursors(std::string_view body) {
  PARLEY_TRY(const auto reply, parse<wire::ReceiptReply>(body, "ReceiptReply"));
  return Cursors{.received = Seq{reply.received()}, .read = Seq{reply.read()}};
}

Result<Page> decode_page(ConversationId conversation, std::string_view body) {
  PARLEY_TRY(auto reply, parse<wire::EntriesReply>(body, "EntriesReply"));
  Page page{.entries = {}, .head = Seq{reply.head()}, .more = reply.more()};
  for (wire::Entry& from : *reply.mutable_entries()) {
    PARLEY_TRY(page.entries.emplace_back(), entry_of(conversation, std::move(from)));
  }
  return page;
}

Result<ListPage> decode_list(std::string_view body) {
  PARLEY_TRY(const auto reply, parse<wire::ConversationsReply>(body, "ConversationsReply"));
  ListPage page{.conversations = {}, .more = reply.more()};
  for (const wire::Conversation& from : reply.conversations()) {
    page.conversations.push_back(
        {.conversation = ConversationId{from.conversation()},
         .head = Seq{from.head()},
         .mine = {.received = Seq{from.received()}, .read = Seq{from.read()}},
         .peer = {.received = Seq{from.peer_received()}, .read = Seq{from.peer_read()}}});
  }
  return page;
}

Result<Entry> decode_message(ConversationId conversation, std::string_view body) {
  PARLEY_TRY(auto notice, parse<wire::MessageNotice>(body, "MessageNotice"));
  return entry_of(conversation, std::move(*notice.mutable_entry()));
}

Result<Receipt> decode_receipt(std::string_view body) {
  PARLEY_TRY(const auto notice, parse<wire::ReceiptNotice>(body, "ReceiptNotice"));
  return Receipt{.user = UserId{notice.user()},
                 .cursors = {.received = Seq{notice.received()}, .read = Seq{notice.read()}}};
}

Result<Duration> decode_catch_up(std::string_view body) {
  PARLEY_TRY(const auto notice, parse<wire::CatchUpNotice>(body, "CatchUpNotice"));
  return std::chrono::milliseconds(notice.within_ms());
}

Error decode_error(std::string_view body, Errc otherwise) {
  wire::ErrorBody error;
  if (body.empty() || !error.ParseFromArray(body.data(), static_cast<int>(body.size())))
    return Error{otherwise, "no reason given"};
  const bool retryable = error.retry_after_ms() > 0;
  const Errc code = errc_from(static_cast<std::uint16_t>(std::min(error.code(), 65'535U)))
                        .value_or(retryable ? Errc::retry_later : Errc::internal);
  return Error{code, {}, error.retry_after_ms()};
}

}  // namespace wire_format
}  // namespace parley::client
