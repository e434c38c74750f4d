// The body of a `deliver` envelope: any number of notices, each for some users. One bus message
// carries everything that a batch has for one gateway. Pure. Layout (little-endian), item after
// item:
//
//   u16 notice | u16 number of users | u32 length of body | u64 target | u64 skip_device
//   u64 user × number of users | body
//
// The first item may say which requests have caused the others: notice 0, no users, body u64 trace × their
// number. Who does not know it passes it over like any notice that he does not know.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/result.h"

namespace parley {

struct DeliveryItem {
  std::uint16_t notice = 0;
  std::uint64_t target = 0;
  DeviceId skip_device;  // the first user's device that is left out; 0 = none
  std::vector<UserId> users;  // none: a client's notice is for everybody who is connected
  std::string_view body;  // into the buffer it was read from
};

void append_delivery(const DeliveryItem& item, std::string& out);

inline constexpr std::uint16_t notice_causes = 0;
inline constexpr std::size_t causes_max = 1'024;  // more are not told
// How long that item is.
std::size_t causes_bytes(std::size_t traces);
void append_causes(std::span<const std::uint64_t> traces, std::string& out);
// The traces of a body, looking at no other item; none: it does not say.
std::vector<std::uint64_t> causes_of(std::string_view bytes);

// bad_frame: truncated, or lengths that do not add up. All or nothing.
Result<std::vector<DeliveryItem>> decode_deliveries(std::string_view bytes);

}  // namespace parley
