#include "bus/endpoint.h"

namespace parley {
namespace {

Result<BusEndpoint> parse_tcp(const std::string& address, std::string_view server_key,
                              const std::optional<CurveKeyPair>& own, PlainTcp plain) {
  if (server_key.empty()) {
    if (plain == PlainTcp::allowed) return BusEndpoint{address};
    return fail(Errc::config,
                address + ": the broker's public key is missing (\"" + address +
                    " PUBLICKEY\"); without one nothing is encrypted, which only "
                    "bus.tcp_without_keys allows");
  }
  if (!is_curve_key(server_key))
    return fail(Errc::config, address + ": a broker's public key has 40 characters (Z85)");
  if (!own)
    return fail(Errc::config, address + ": bus.key_file is needed (make one: parley key bus)");
  return BusEndpoint{address, CurveClient{std::string(server_key), *own}};
}

}  // namespace

void BusSettings::declare(Config& config, const std::string& side) {
  config.list("bus.brokers", &brokers,
              "Endpoints of the brokers' " + side +
                  " side: \"ipc://PATH\", or \"tcp://HOST:PORT KEY\" with its public key.");
  config.text("bus.key_file", &key_file,
              "Our own pair of keys (mode 0600; parley key bus), for tcp:// endpoints.");
  config.flag("bus.tcp_without_keys", &tcp_without_keys,
              "Whether tcp:// endpoints without a key are used: in clear, for anybody to read.");
}

Result<BusEndpoint> parse_bus_endpoint(std::string_view text,
                                       const std::optional<CurveKeyPair>& own, PlainTcp plain) {
  // A path may have blanks; a key behind the last is a mistake.
  const std::size_t last = text.rfind(' ');
  const bool ends_with_key = last != text.npos && is_curve_key(text.substr(last + 1));
  if (text.starts_with("ipc://") && !ends_with_key) return BusEndpoint{std::string(text)};
  const std::size_t space = text.find(' ');
  const std::string address(text.substr(0, space));
  const std::string_view server_key = space == text.npos ? "" : text.substr(space + 1);
  if (address.starts_with("tcp://")) return parse_tcp(address, server_key, own, plain);
  if (!address.starts_with("ipc://"))
    return fail(Errc::config, "\"" + address + "\" is neither ipc:// nor tcp://");
  return fail(Errc::config, address + ": ipc:// has no key");
}

Result<std::vector<BusEndpoint>> load_bus_endpoints(const BusSettings& settings) {
  if (settings.brokers.empty()) return fail(Errc::config, "bus.brokers is empty");
  std::optional<CurveKeyPair> own;
  if (!settings.key_file.empty()) {
    PARLEY_TRY(own, load_key_pair(settings.key_file));
  }
  std::vector<BusEndpoint> endpoints;
  for (const std::string& text : settings.brokers) {
    PARLEY_TRY(endpoints.emplace_back(),
               parse_bus_endpoint(text, own,
                                  settings.tcp_without_keys ? PlainTcp::allowed
                                                            : PlainTcp::refused));
  }
  return endpoints;
}

}  // namespace parley
