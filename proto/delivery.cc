#include "proto/delivery.h"

#include <algorithm>

#include "base/assert.h"
#include "proto/bytes.h"

namespace parley {
namespace {
constexpr std::size_t fixed_bytes = 24;
}

void append_delivery(const DeliveryItem& item, std::string& out) {
  PARLEY_ASSERT(item.users.size() <= UINT16_MAX);
  append(out, item.notice);
  append(out, static_cast<std::uint16_t>(item.users.size()));
  append(out, static_cast<std::uint32_t>(item.body.size()));
  append(out, item.target);
  append(out, item.skip_device.value);
  for (const UserId user : item.users) append(out, user.value);
  out.append(item.body);
}

std::size_t causes_bytes(std::size_t traces) { return fixed_bytes + traces * 8; }

void append_causes(std::span<const std::uint64_t> traces, std::string& out) {
  PARLEY_ASSERT(traces.size() <= causes_max);
  std::string body;
  body.reserve(traces.size() * 8);
  for (const std::uint64_t trace : traces) append(body, trace);
  DeliveryItem item;
  item.notice = notice_causes;
  item.body = body;
  append_delivery(item, out);
}

std::vector<std::uint64_t> causes_of(std::string_view bytes) {
  const bool says = bytes.size() >= fixed_bytes && load<std::uint16_t>(bytes, 0) == notice_causes &&
                    load<std::uint16_t>(bytes, 2) == 0;
  if (!says) return {};
  const std::size_t length = load<std::uint32_t>(bytes, 4);
  bytes.remove_prefix(fixed_bytes);
  std::vector<std::uint64_t> traces(std::min({length, bytes.size(), causes_max * 8}) / 8);
  for (std::size_t i = 0; i < traces.size(); ++i) traces[i] = load<std::uint64_t>(bytes, i * 8);
  return traces;
}

Result<std::vector<DeliveryItem>> decode_deliveries(std::string_view bytes) {
  std::vector<DeliveryItem> items;
  while (!bytes.empty()) {
    if (bytes.size() < fixed_bytes) return fail(Errc::bad_frame, "truncated delivery");
    DeliveryItem item;
    item.notice = load<std::uint16_t>(bytes, 0);
    const std::size_t users = load<std::uint16_t>(bytes, 2);
    const std::size_t length = load<std::uint32_t>(bytes, 4);
    item.target = load<std::uint64_t>(bytes, 8);
    item.skip_device = DeviceId{load<std::uint64_t>(bytes, 16)};
    bytes.remove_prefix(fixed_bytes);
    if (bytes.size() < users * 8 || bytes.size() - users * 8 < length)
      return fail(Errc::bad_frame, "truncated delivery");
    item.users.reserve(users);
    for (std::size_t i = 0; i < users; ++i)
      item.users.emplace_back(load<std::uint64_t>(bytes, i * 8));
    item.body = bytes.substr(users * 8, length);
    bytes.remove_prefix(users * 8 + length);
    items.push_back(std::move(item));
  }
  return items;
}

}  // namespace parley
