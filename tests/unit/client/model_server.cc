#include "tests/unit/client/model_server.h"

#include <algorithm>

#include "base/error.h"
#include "proto/c2c.pb.h"
#include "proto/common.pb.h"
#include "proto/login.pb.h"
#include "proto/verbs.h"

namespace parley::client::test {
namespace {

void fill(wire::Entry* out, const Entry& entry) {
  out->set_seq(entry.seq.value);
  out->set_sender(entry.sender.value);
  out->set_client_id(entry.client_id.data(), entry.client_id.size());
  out->set_kind(static_cast<wire::MessageKind>(entry.kind));
  out->set_body(entry.body);
  out->set_time_ms(entry.time_ms);
}

template <typename Message>
Message parse(const std::string& body) {
  Message message;
  EXPECT_TRUE(message.ParseFromString(body)) << "a client must send valid protobuf";
  return message;
}

std::uint16_t number(Errc code) { return static_cast<std::uint16_t>(code); }

}  // namespace

std::vector<ServerFrame> ModelServer::handle(int connection, const FrameHeader& header,
                                             const std::string& body) {
  Call call{connection, header, body, {}, {}};
  if (header.kind == FrameKind::ping) {
    call.out.push_back({connection, {.kind = FrameKind::pong, .number = header.number}, ""});
    return call.out;
  }
  if (header.kind != FrameKind::request) return call.out;
  ++requests_[header.verb];
  const Verb verb{header.verb};
  if (const auto session = sessions_.find(connection); session != sessions_.end())
    call.user = session->second;
  const bool is_login = verb == Verb::login_password || verb == Verb::login_token ||
                        verb == Verb::login_resume || verb == Verb::login_register;
  if (is_login) login(call);
  else if (!call.user) error(call, number(Errc::unauthenticated));
  else if (verb == Verb::c2c_send) send(call);
  else if (verb == Verb::c2c_receipt) receipt(call);
  else if (verb == Verb::c2c_pull) pull(call);
  else if (verb == Verb::c2c_conversations) conversations(call);
  else if (verb == Verb::login_logout) reply(call, "");
  else error(call, number(Errc::unsupported));
  return call.out;
}

void ModelServer::reply(Call& call, std::string body) {
  call.out.push_back({call.connection,
                      {.kind = FrameKind::reply,
                       .verb = call.header.verb,
                       .number = call.header.number,
                       .target = call.header.target},
                      std::move(body)});
}

void ModelServer::error(Call& call, std::uint16_t code) {
  wire::ErrorBody body;
  body.set_code(code);
  call.out.push_back({call.connection,
                      {.kind = FrameKind::error,
                       .verb = call.header.verb,
                       .number = call.header.number,
                       .target = call.header.target},
                      body.SerializeAsString()});
}

void ModelServer::notify(Call& call, UserId user, std::uint16_t notice, const std::string& body) {
  for (const auto& [connection, owner] : sessions_) {
    if (owner != user || connection == call.connection) continue;
    call.out.push_back(
        {connection,
         {.kind = FrameKind::notice, .verb = notice, .target = call.header.target},
         body});
  }
}

void ModelServer::login(Call& call) {
  const auto by_name = [&](const std::string& name) {
    return users_.contains(name) ? users_[name] : UserId{};
  };
  const auto by_token = [&](const std::string& token) {
    return tokens_.contains(token) ? tokens_[token] : UserId{};
  };
  UserId user;
  switch (Verb{call.header.verb}) {
    case Verb::login_password:
      user = by_name(parse<wire::PasswordRequest>(call.body).name());
      break;
    case Verb::login_token:
      user = by_token(parse<wire::TokenRequest>(call.body).access_token());
      break;
    case Verb::login_resume:
      user = by_token(parse<wire::ResumeRequest>(call.body).device_token());
      break;
    default:
      return error(call, number(Errc::conflict));
  }
  if (!user) return error(call, number(Errc::refused));
  sessions_[call.connection] = user;
  wire::LoginReply answer;
  answer.set_user(user.value);
  answer.set_device_token("device" + std::to_string(++tokens_made_));
  answer.set_access_token("access" + std::to_string(tokens_made_));
  answer.set_access_token_valid_ms(60'000);
  answer.mutable_limits()->set_requests_in_flight_max(requests_in_flight_max);
  tokens_[answer.device_token()] = tokens_[answer.access_token()] = user;
  reply(call, answer.SerializeAsString());
}

void ModelServer::send(Call& call) {
  const auto request = parse<wire::SendRequest>(call.body);
  const ConversationId conversation{call.header.target};
  ClientMessageId id{};
  std::ranges::copy(request.client_id(), id.begin());
  Log& log = logs_[conversation];
  const auto [known, is_new] =
      log.by_id.try_emplace({call.user, id}, Seq{log.entries.size() + 1});
  if (is_new)
    log.entries.push_back({.conversation = conversation,
                           .seq = known->second,
                           .sender = call.user,
                           .client_id = id,
                           .body = request.body(),
                           .time_ms = static_cast<std::int64_t>(known->second.value)});
  const Entry& entry = log.entries[known->second.value - 1];
  if (entry.body != request.body()) return error(call, number(Errc::conflict));
  wire::SendReply ack;
  ack.set_seq(entry.seq.value);
  ack.set_time_ms(entry.time_ms);
  reply(call, ack.SerializeAsString());
  wire::MessageNotice notice;
  fill(notice.mutable_entry(), entry);
  const auto members = members_of(conversation);
  for (const UserId member : {members->low, members->high})
    notify(call, member, static_cast<std::uint16_t>(Notice::c2c_message),
           notice.SerializeAsString());
}

void ModelServer::receipt(Call& call) {
  const auto request = parse<wire::ReceiptRequest>(call.body);
  Log& log = logs_[ConversationId{call.header.target}];
  const Seq head{log.entries.size()};
  Cursors& cursors = log.cursors[call.user];
  cursors = Cursors::furthest(cursors, {std::min(Seq{request.received()}, head),
                                        std::min(Seq{request.read()}, head)});
  wire::ReceiptReply answer;
  answer.set_received(cursors.received.value);
  answer.set_read(cursors.read.value);
  reply(call, answer.SerializeAsString());
  wire::ReceiptNotice notice;
  notice.set_user(call.user.value);
  notice.set_received(cursors.received.value);
  notice.set_read(cursors.read.value);
  const auto members = members_of(ConversationId{call.header.target});
  for (const UserId member : {members->low, members->high})
    notify(call, member, static_cast<std::uint16_t>(Notice::c2c_receipt_notice),
           notice.SerializeAsString());
}

void ModelServer::pull(Call& call) {
  const auto request = parse<wire::PullRequest>(call.body);
  EXPECT_GE(request.from(), 1U);
  EXPECT_GE(request.to(), request.from());
  const std::vector<Entry>& entries = log(ConversationId{call.header.target});
  wire::EntriesReply answer;
  answer.set_head(entries.size());
  const std::uint64_t end = std::min<std::uint64_t>(request.to(), entries.size());
  for (std::uint64_t seq = request.from(); seq <= end; ++seq) {
    if (answer.entries_size() == static_cast<int>(page_max)) {
      answer.set_more(true);
      break;
    }
    fill(answer.add_entries(), entries[seq - 1]);
  }
  reply(call, answer.SerializeAsString());
}

void ModelServer::conversations(Call& call) {
  const auto request = parse<wire::ConversationsRequest>(call.body);
  wire::ConversationsReply answer;
  for (auto& [id, log] : logs_) {
    const auto members = members_of(id);
    if (id.value <= request.after() || !members->has(call.user) || log.entries.empty()) continue;
    if (answer.conversations_size() == 1) {  // one a page, so that paging is exercised
      answer.set_more(true);
      break;
    }
    auto* listed = answer.add_conversations();
    listed->set_conversation(id.value);
    listed->set_head(log.entries.size());
    listed->set_received(log.cursors[call.user].received.value);
    listed->set_read(log.cursors[call.user].read.value);
    const Cursors peer = log.cursors[members->other(call.user)];
    listed->set_peer_received(peer.received.value);
    listed->set_peer_read(peer.read.value);
  }
  reply(call, answer.SerializeAsString());
}

}  // namespace parley::client::test
