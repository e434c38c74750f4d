#include "bus/unread.h"

#include "base/assert.h"

namespace parley {
namespace {
constexpr Duration ping_again = 1s;  // a ping may be lost with what it stood behind
}  // namespace

std::size_t Unread::bytes_of(std::uint64_t account) const {
  const auto found = accounts_.find(account);
  return found == accounts_.end() ? 0 : found->second;
}

bool Unread::has_room(const PeerKey& to, std::uint64_t account, std::size_t bytes) const {
  const std::size_t cost = connections_.contains(to) ? 0 : connection_cost_;
  return bytes_of(account) + cost + bytes <= bytes_max_;
}

void Unread::sent(const PeerKey& to, std::uint64_t account, std::size_t bytes) {
  const Connection fresh{.account = account, .mark = {}};
  const auto [entry, is_fresh] = connections_.try_emplace(to, fresh);
  Connection& connection = entry->second;
  if (is_fresh) accounts_[account] += connection_cost_;
  if (connection.account != account) change_account(connection, account);
  connection.bytes += bytes;
  accounts_[account] += bytes;
}

// Its address is used with another key, or name.
void Unread::change_account(Connection& connection, std::uint64_t account) {
  take_back(connection.account, connection.bytes + connection_cost_);
  accounts_[account] += connection.bytes + connection_cost_;
  connection.account = account;
}

bool Unread::read(const PeerKey& by, std::uint64_t number) {
  const auto found = connections_.find(by);
  if (found == connections_.end()) return false;
  Connection& connection = found->second;
  if (!connection.mark || connection.mark->number != number) return false;
  take_back(connection.account, connection.mark->bytes);
  connection.bytes -= connection.mark->bytes;
  connection.mark.reset();
  if (connection.bytes == 0) forget(by);
  return true;
}

void Unread::forget(const PeerKey& address) {
  const auto found = connections_.find(address);
  if (found == connections_.end()) return;
  take_back(found->second.account, found->second.bytes + connection_cost_);
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
  if (bytes == 0) return;
  const auto found = accounts_.find(account);
  PARLEY_ASSERT(found != accounts_.end() && found->second >= bytes);
  found->second -= bytes;
  if (found->second == 0) accounts_.erase(found);
}

}  // namespace parley
