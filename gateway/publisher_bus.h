// The bus as a gateway uses it in production: a Publisher, connected after the gateway was built, since
// each needs the other.
#pragma once

#include <functional>
#include <memory>

#include "bus/publisher.h"
#include "gateway/gateway.h"

namespace parley {

class PublisherBus : public RequestBus {
 public:
  // Requires: called once; `gateway` lives until close(). `on_drain`: an operator wants it to leave.
  void connect(Loop& loop, PublisherOptions options, Gateway& gateway,
               std::function<void()> on_drain, Metrics& metrics);
  // retry_later also before connect().
  Result<std::uint64_t> publish(const EnvelopeHeader& header, std::string_view body) override;
  // Says goodbye; the gateway is not called any more.
  void close();

 private:
  std::unique_ptr<Publisher> publisher_;
};

}  // namespace parley
