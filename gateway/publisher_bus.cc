#include "gateway/publisher_bus.h"

namespace parley {

void PublisherBus::connect(Loop& loop, PublisherOptions options, Gateway& gateway,
                           std::function<void()> on_drain, Metrics& metrics) {
  Publisher::Handlers handlers{
      .on_reply = [&gateway](const EnvelopeHeader& header,
                             std::string_view body) { gateway.on_reply(header, body); },
      .on_delivery = [&gateway](const EnvelopeHeader& header,
                                std::string_view body) { gateway.on_delivery(header, body); },
      .on_connected = [&gateway] { gateway.on_bus_connected(); },
      .on_drain = std::move(on_drain)};
  publisher_ =
      std::make_unique<Publisher>(loop, std::move(options), std::move(handlers), metrics);
}

Result<std::uint64_t> PublisherBus::publish(const EnvelopeHeader& header, std::string_view body) {
  if (!publisher_) return fail(Errc::retry_later, "the bus is not connected", 100);
  return publisher_->publish(header, body);
}

void PublisherBus::close() {
  if (publisher_) publisher_->close();
}

}  // namespace parley
