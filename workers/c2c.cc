// Service `c2c`: one to one. Who may ask what, and who carries it out.
#include <memory>

#include "workers/c2c_read.h"
#include "workers/c2c_receipt.h"
#include "workers/c2c_send.h"
#include "workers/services.h"

namespace parley {

Service make_c2c_service(const ServiceDeps& deps) {
  struct Parts {
    explicit Parts(const ServiceDeps& d)
        : book(d.log, d.users),
          sender(d.log, book),
          receipts(d.users, book),
          reader(d.log, d.users) {}
    ConversationBook book;
    C2cSender sender;
    C2cReceipts receipts;
    C2cReader reader;
  };
  const auto parts = std::make_shared<Parts>(deps);

  Service service(ServiceId::c2c);
  service.on<wire::SendRequest>(Verb::c2c_send, Lane::store, allow_direct_member,
                                [parts](auto requests, const Moment& moment) {
                                  return parts->sender.send(requests, moment);
                                });
  service.on<wire::ReceiptRequest>(
      Verb::c2c_receipt, Lane::store, allow_direct_member,
      [parts](auto requests, const Moment&) { return parts->receipts.move(requests); });
  service.on_each<wire::PullRequest>(
      Verb::c2c_pull, Lane::store, allow_direct_member,
      [parts](const auto& request, const Moment&) { return parts->reader.pull(request); });
  service.on_each<wire::HistoryRequest>(
      Verb::c2c_history, Lane::store, allow_direct_member,
      [parts](const auto& request, const Moment&) { return parts->reader.history(request); });
  service.on_each<wire::ConversationsRequest>(
      Verb::c2c_conversations, Lane::store, allow_user,
      [parts](const auto& request, const Moment&) { return parts->reader.conversations(request); });
  return service;
}

}  // namespace parley
