#include "gateway/session_table.h"

namespace parley {

template <typename Predicate>
std::vector<ConnectionId> SessionTable::select(UserId user, Predicate&& predicate) const {
  std::vector<ConnectionId> selected;
  const std::uint32_t* head = heads_.find(user.value);
  for (std::uint32_t at = head ? *head : none; at != none; at = entries_[at].next)
    if (predicate(entries_[at].identity)) selected.push_back(entries_[at].connection);
  return selected;
}

SessionTable::Bound SessionTable::bind(ConnectionId connection, const SessionIdentity& identity,
                                       Instant now) {
  Bound bound;
  bool newer_here = false;
  const auto same_class = [&](const SessionIdentity& other) {
    if (other.device_class != identity.device_class) return false;
    newer_here = newer_here || other.generation > identity.generation;
    return other.generation <= identity.generation;
  };
  bound.displaced = select(identity.user, same_class);
  bound.ended = newer_here ? std::optional{Errc::replaced} : fences_.against(identity, now);
  if (bound.ended) {
    bound.displaced.clear();
    return bound;
  }
  const std::uint32_t slot = slot_of(connection);
  if (slot >= entries_.size()) entries_.resize(slot + 1);
  PARLEY_ASSERT(!entries_[slot].connection);
  bound.first = !is_present(identity.user);
  std::uint32_t& head = heads_[identity.user.value];
  entries_[slot] = {connection, identity, bound.first ? none : head};
  head = slot;
  ++sessions_;
  return bound;
}

std::optional<UserId> SessionTable::unbind(ConnectionId connection) {
  const std::uint32_t slot = slot_of(connection);
  if (slot >= entries_.size() || entries_[slot].connection != connection) return std::nullopt;
  const UserId user = entries_[slot].identity.user;
  std::uint32_t* link = heads_.find(user.value);
  while (*link != slot) link = &entries_[*link].next;
  *link = entries_[slot].next;
  entries_[slot] = {};
  --sessions_;
  if (*heads_.find(user.value) != none) return std::nullopt;
  heads_.erase(user.value);
  return user;
}

std::vector<ConnectionId> SessionTable::replaced(UserId user, std::uint8_t device_class,
                                                 Generation generation, Instant now) {
  fences_.replaced(user, device_class, generation, now);
  return select(user, [&](const SessionIdentity& other) {
    return other.device_class == device_class && other.generation < generation;
  });
}

std::vector<ConnectionId> SessionTable::revoked(UserId user, DeviceId device, Generation generation,
                                                Instant now) {
  fences_.revoked(user, device, generation, now);
  return select(user, [&](const SessionIdentity& other) {
    return other.device == device && other.generation <= generation;
  });
}

std::optional<UserId> SessionTable::user_at(std::uint32_t place) const {
  const Entry& entry = entries_[place];
  return entry.connection ? std::optional{entry.identity.user} : std::nullopt;
}

std::optional<ConnectionId> SessionTable::connection_at(std::uint32_t place) const {
  const ConnectionId connection = entries_[place].connection;
  return connection ? std::optional{connection} : std::nullopt;
}

}  // namespace parley
