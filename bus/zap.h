// ZAP (ZeroMQ RFC 27), the broker's half: for each connection that wants in over CURVE, ZeroMQ asks whom
// the key belongs to. Pure: frames in, frames out.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace parley {

inline constexpr std::string_view zap_domain = "parley";

struct ZapRequest {
  std::string id;       // of the question, to be repeated in the answer
  std::string address;  // of the peer, "10.0.0.7"
  std::string key;      // its public key, Z85
};

enum class ZapAnswer {
  admitted,  // messages from there carry the key as their User-Id
  refused
};

// `frames`: those of the request, without what routes them. Nothing: not a CURVE request for our domain.
std::optional<ZapRequest> parse_zap_request(const std::vector<std::string>& frames);
// The answer's frames.
std::vector<std::string> zap_reply(const ZapRequest& request, ZapAnswer answer);
// The answer to what parse_zap_request() did not understand; empty: it cannot be answered.
std::vector<std::string> zap_reply_to_malformed(const std::vector<std::string>& frames);

}  // namespace parley
