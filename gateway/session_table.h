// Who is logged in here: user → connections of his devices. Found by index, about 64 bytes a session, no
// allocation per session. A user has at most one session of a device class, so at most a few. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "gateway/connection_id.h"
#include "gateway/fences.h"
#include "base/id_map.h"

namespace parley {

class SessionTable {
 public:
  struct Bound {
    std::optional<Errc> ended;            // this session was over before it began: close it
    std::vector<ConnectionId> displaced;  // older ones of the same class: close them (replaced)
    bool first = false;                   // the user had no session here before
  };

  // A login succeeded on a connection. A session that was replaced or revoked while its reply was on
  // the way is not bound. Requires: the connection is not bound.
  Bound bind(ConnectionId connection, const SessionIdentity& identity, Instant now);
  // The session is over. The user, if that was his last one here; nothing as well if it was not bound.
  std::optional<UserId> unbind(ConnectionId connection);

  // Notices login.replaced and login.revoked: the connections to close. They stay bound until unbind().
  std::vector<ConnectionId> replaced(UserId user, std::uint8_t device_class, Generation generation,
                                     Instant now);
  std::vector<ConnectionId> revoked(UserId user, DeviceId device, Generation generation,
                                    Instant now);

  // To be called now and then.
  void forget_expired(Instant now) { fences_.forget_expired(now); }

  bool is_present(UserId user) const { return heads_.find(user.value) != nullptr; }
  std::size_t users() const { return heads_.size(); }
  std::size_t sessions() const { return sessions_; }

  // visit(ConnectionId, DeviceId) for each session of the user; it may unbind that session, no other.
  template <typename F>
  void for_each(UserId user, F&& visit) const {
    const std::uint32_t* head = heads_.find(user.value);
    for (std::uint32_t at = head ? *head : none, next = none; at != none; at = next) {
      next = entries_[at].next;
      visit(entries_[at].connection, entries_[at].identity.device);
    }
  }

  // For walking all users in pieces: places 0 … places() - 1, each with one session or none. A user who
  // has several is met several times; one who stays throughout the walk is met.
  std::uint32_t places() const { return static_cast<std::uint32_t>(entries_.size()); }
  std::optional<UserId> user_at(std::uint32_t place) const;
  std::optional<ConnectionId> connection_at(std::uint32_t place) const;

 private:
  static constexpr std::uint32_t none = ~0U;
  struct Entry {
    ConnectionId connection;  // 0: free
    SessionIdentity identity;
    std::uint32_t next = none;  // of the same user
  };
  template <typename Predicate>
  std::vector<ConnectionId> select(UserId user, Predicate&& predicate) const;

  std::vector<Entry> entries_;     // by slot of the connection
  IdMap<std::uint32_t> heads_;     // user → slot of his newest session
  std::size_t sessions_ = 0;
  Fences fences_;
};

}  // namespace parley
