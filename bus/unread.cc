#include "bus/unread.h"

namespace parley {
namespace {
constexpr Duration ping_again = 1s;  // a ping may be lost with what it stood behind
}  // namespace

std::size_t Unread::bytes_of(std::uint64_t account) const {
  const auto found = accounts_.find(account);
  return found == accounts_.end() ? 0 : found->second;
}

bool Unread::has_room(const PeerKey& to, std::uint64_t account, std::size_t bytes) const {
  if (bytes_of(account) + bytes > bytes_max_) return false;
  return connections_.size() < connections_max_ || connections_.contains(to);
}

void Unread::sent(const PeerKey& to, std::uint64_t account, std::size_t bytes) {
  const Connection fresh{.account = account, .mark = {}};
  connections_.try_emplace(to, fresh).first->second.bytes += bytes;
  accounts_[account] += bytes;
}

void Unread::read(const PeerKey& by, std::uint64_t number) {
  const auto found = connections_.find(by);
  if (found == connections_.end()) return;
  Connection& connection = found->second;
  if (!connection.mark || connection.mark->number != number) return;
  take_back(connection.account, connection.mark->bytes);
  connection.bytes -= connection.mark->bytes;
  connection.mark.reset();
  if (connection.bytes == 0) connections_.erase(found);
}

void Unread::forget(const PeerKey& address) {
  const auto found = connections_.find(address);
  if (found == connections_.end()) return;
  take_back(found->second.account, found->second.bytes);
  connections_.erase(found);
}

std::vector<Unread::Ping> Unread::pings(Instant now) {
  std::vector<Ping> pings;
  for (auto& [address, connection] : connections_) {
    std::optional<Mark>& mark = connection.mark;
    if (mark && now - mark->pinged < ping_again) continue;
    if (!mark) mark = Mark{random_number_(), connection.bytes, now};
    mark->pinged = now;
    pings.push_back({address, mark->number});
  }
  return pings;
}

void Unread::take_back(std::uint64_t account, std::size_t bytes) {
  const auto found = accounts_.find(account);
  found->second -= bytes;
  if (found->second == 0) accounts_.erase(found);
}

}  // namespace parley
