// Every message that a stranger may send us: parsing ends, and what was understood survives writing and
// reading again. Input: which message, then its bytes.
#include "proto/bus.pb.h"
#include "proto/c2c.pb.h"
#include "proto/common.pb.h"
#include "proto/event.pb.h"
#include "proto/login.pb.h"
#include "proto/push.pb.h"
#include "proto/route.pb.h"
#include "tests/fuzz/fuzz.h"

namespace parley {
namespace {

template <typename Message>
void try_message(std::string_view bytes) {
  Message message;
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return;
  const std::string written = message.SerializeAsString();
  Message again;
  PARLEY_ASSERT(again.ParseFromString(written));
  PARLEY_ASSERT(again.SerializeAsString() == written);
}

using Try = void (*)(std::string_view);
constexpr Try messages[] = {
    try_message<wire::ErrorBody>,       try_message<wire::RegisterRequest>,
    try_message<wire::PasswordRequest>, try_message<wire::TokenRequest>,
    try_message<wire::ResumeRequest>,   try_message<wire::LoginReply>,
    try_message<wire::LogoutRequest>,   try_message<wire::FindRequest>,
    try_message<wire::FindReply>,       try_message<wire::SendRequest>,
    try_message<wire::SendReply>,       try_message<wire::MessageNotice>,
    try_message<wire::ReceiptRequest>,  try_message<wire::ReceiptNotice>,
    try_message<wire::PullRequest>,     try_message<wire::HistoryRequest>,
    try_message<wire::EntriesReply>,    try_message<wire::ConversationsRequest>,
    try_message<wire::RouteReport>,     try_message<wire::SessionReplaced>,
    try_message<wire::SessionRevoked>,  try_message<wire::RegisterPeer>,
    try_message<wire::Registered>,      try_message<wire::BrokerStatus>,
    try_message<wire::ConversationsReply>, try_message<wire::PublishRequest>,
    try_message<wire::PublishReply>,    try_message<wire::PushNotice>,
    try_message<wire::SubscribeRequest>, try_message<wire::EventPullRequest>,
    try_message<wire::EventPullReply>,
};

}  // namespace
}  // namespace parley

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  parley::fuzz::Input input(data, size);
  parley::messages[input.number<std::uint8_t>() % std::size(parley::messages)](input.rest());
  return 0;
}
