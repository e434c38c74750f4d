#include "bus/zap.h"

#include "bus/curve.h"

namespace parley {
namespace {

constexpr std::string_view version = "1.0";
// version, id, domain, address, identity, mechanism, client's key
constexpr std::size_t request_frames = 7;

}  // namespace

std::optional<ZapRequest> parse_zap_request(const std::vector<std::string>& frames) {
  if (frames.size() != request_frames || frames[0] != version || frames[2] != zap_domain ||
      frames[5] != "CURVE" || frames[6].size() != curve_key_bytes)
    return std::nullopt;
  return ZapRequest{frames[1], frames[3], to_z85(frames[6])};
}

std::vector<std::string> zap_reply(const ZapRequest& request, ZapAnswer answer) {
  const std::string v(version);
  if (answer == ZapAnswer::refused) return {v, request.id, "400", "this key is not listed", "", ""};
  return {v, request.id, "200", "OK", request.key, ""};
}

std::vector<std::string> zap_reply_to_malformed(const std::vector<std::string>& frames) {
  if (frames.size() < 2) return {};
  return {std::string(version), frames[1], "500", "not a request that we answer", "", ""};
}

}  // namespace parley
