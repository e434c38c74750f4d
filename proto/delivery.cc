#include "proto/delivery.h"

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
