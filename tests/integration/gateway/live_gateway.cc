#include "tests/integration/gateway/live_gateway.h"

#include <sstream>

#include "proto/delivery.h"
#include "tests/unit/gateway/channel_peer.h"

namespace parley::test {

Result<std::uint64_t> SelfAnsweringBus::publish(const EnvelopeHeader& header,
                                                std::string_view body) {
  if (refuses) return fail(Errc::retry_later, "as the test wants it", 70);
  fresh_.emplace_back(++numbers_, Request{header, std::string(body)});
  soon_.once(Duration::zero());
  return numbers_;
}

void SelfAnsweringBus::answer_all() {
  for (auto& [number, request] : std::exchange(fresh_, {}))
    if (holds_all || !answer(number, request)) waiting.emplace(number, std::move(request));
}

bool SelfAnsweringBus::answer(std::uint64_t number, const Request& request) {
  EnvelopeHeader header;
  switch (static_cast<Verb>(request.header.verb)) {
    case Verb::login_password: {
      std::istringstream text(request.body);
      if (text >> header.user.value >> header.device.value >> header.target >>
          header.generation.value)
        header.flags = flag_binds_session;
      else
        header.error = static_cast<std::uint16_t>(Errc::refused);
      reply(number, header, request.body);
      return true;
    }
    case Verb::c2c_send:
      reply(number, header, request.body);
      return true;
    case Verb::route_report:
      reports.push_back(request.body);
      reply(number, header, {});
      return true;
    default:
      return false;
  }
}

void SelfAnsweringBus::reply(std::uint64_t number, EnvelopeHeader header, std::string_view body) {
  header.kind = EnvelopeKind::reply;
  header.id.number = number;
  gateway->on_reply(header, body);
}

GatewaySettings generous() {
  GatewaySettings settings;
  settings.listen = {"127.0.0.1:0"};
  settings.admission.per_origin_max = 0;
  settings.admission.per_origin_pre_auth_max = 0;
  settings.admission.per_origin_rate = {};
  settings.accepts = {};
  settings.handshakes = {};
  settings.frames = {};
  settings.messages = {};
  settings.finds = {};
  return settings;
}

LiveGateway::LiveGateway(const GatewaySettings& settings) {
  test_key();  // starts the crypto library
  std::promise<std::uint16_t> port;
  auto future = port.get_future();
  thread_ = std::thread([this, settings, &port] { run(settings, port); });
  port_ = future.get();
}

void LiveGateway::run(const GatewaySettings& settings, std::promise<std::uint16_t>& port) {
  Loop loop;
  SelfAnsweringBus bus(loop);
  Gateway gateway(loop, settings, {test_key()}, bus, metrics_);
  bus.gateway = &gateway;
  Wakeup wakeup(loop, [this] {
    if (const auto* work = std::exchange(work_, nullptr)) (*work)();
  });
  gateway_ = &gateway;
  bus_ = &bus;
  loop_ = &loop;
  wakeup_ = &wakeup;
  PARLEY_ASSERT(gateway.listen().has_value());
  port.set_value(gateway.ports().front());
  loop.run();
}

LiveGateway::~LiveGateway() {
  post([this] { loop_->stop(); });
  thread_.join();
}

// The caller waits for the work's own signal, so one pointer is enough.
void LiveGateway::post(const std::function<void()>& work) {
  std::promise<void> done;
  const std::function<void()> wrapped = [&] {
    work();
    done.set_value();
  };
  work_ = &wrapped;
  wakeup_->notify();
  done.get_future().wait();
}

void LiveGateway::deliver(std::uint64_t user, std::string body, std::uint64_t skip_device) {
  DeliveryItem item;
  item.notice = static_cast<std::uint16_t>(Notice::c2c_message);
  item.target = 99;
  item.skip_device = DeviceId{skip_device};
  item.users = {UserId{user}};
  item.body = body;
  std::string items;
  append_delivery(item, items);
  ask([&](Gateway& gateway, SelfAnsweringBus&) {
    EnvelopeHeader header;
    header.kind = EnvelopeKind::deliver;
    header.id.gateway = instance_id("gateway-1");
    gateway.on_delivery(header, items);
  });
}

void LiveGateway::tell(Notice notice, const std::string& body) {
  DeliveryItem item;
  item.notice = static_cast<std::uint16_t>(notice);
  item.body = body;
  std::string items;
  append_delivery(item, items);
  ask([&](Gateway& gateway, SelfAnsweringBus&) { gateway.on_delivery({}, items); });
}

}  // namespace parley::test
