#include "tests/fault/visitor.h"

namespace parley::test {
namespace {

constexpr const char* password = "correct horse";
constexpr Duration invitation_limit = 10s;

}  // namespace

std::unique_ptr<Visitors::Guest> Visitors::make(const std::string& name,
                                                client::DeviceClass device_class,
                                                client::Account account) {
  auto guest = std::make_unique<Guest>();
  client::ClientOptions options;
  options.session.gateways = server_.gateways;
  guest->client = std::make_unique<client::SyncClient>(
      guest->network, server_.pin, options,
      client::Credentials{.name = name,
                          .password = password,
                          .device_class = device_class,
                          .account = account,
                          .nickname = name});
  return guest;
}

bool Visitors::register_all() {
  for (const char* name : names)
    if (!make(name, client::DeviceClass::web, client::Account::create)
             ->client->start(invitation_limit))
      return false;
  return true;
}

bool Visitors::log_in(Duration limit) {
  const auto guest = make(names[0], client::DeviceClass::web, client::Account::existing);
  return guest->client->start(limit).has_value();
}

std::unique_ptr<Visitors::Guest> Visitors::invite(const std::string& name,
                                                  client::DeviceClass device_class) {
  auto guest = make(name, device_class, client::Account::existing);
  return guest->client->start(invitation_limit) ? std::move(guest) : nullptr;
}

}  // namespace parley::test
