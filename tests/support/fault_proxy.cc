#include "tests/support/fault_proxy.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "base/random.h"
#include "tests/support/fault_connection.h"

namespace parley::test {
namespace {

constexpr std::size_t connections_max = 4'096;

// A cut that waits for what is said in a direction, in any connection of a link.
struct Ambush {
  std::function<std::unique_ptr<Tripwire>()> wire;
  unsigned left = 0;
  Cut how = Cut::rst;
};

struct Passage {
  FaultConnection connection;
  std::uint64_t number;
  std::array<std::uint32_t, 2> watched{};  // by epoll
  std::optional<Instant> wake = Instant{};
  std::optional<Cut> tripped = {};  // how it will end
};

enum class Door { open, refusing, silent };

struct Link {
  StreamAddress address;
  StreamAddress target;
  StreamSocket listener;
  std::uint64_t number;
  Random random;
  std::array<Conditions, 2> conditions{};
  std::array<std::optional<Ambush>, 2> ambushes{};
  Door door = Door::open;
  LinkCounters counters{};
  std::list<Passage> passages{};
};

using PassageIterator = std::list<Passage>::iterator;

// What epoll says of an event: a link's listener, or the source of a way of a passage.
constexpr std::uint64_t event_of(std::uint64_t number, Way way) {
  return number * 2 + index_of(way);
}

}  // namespace

// One thread moves the bytes; whoever calls changes the links under the same lock, and wakes it.
struct FaultProxy::Impl {
  explicit Impl(std::uint64_t seed);
  ~Impl();

  // -- under the lock
  Link& link(const std::string& name);
  void pump(Link& link, PassageIterator passage, Instant now);
  void spring(Link& link, Passage& passage, Instant now);
  void end(Link& link, PassageIterator passage, Cut how);
  void cut_all(Link& link, Cut how, std::optional<FaultConnection::Kind> kind = {});
  void accept_all(Link& link, Instant now);
  void admit(Link& link, StreamSocket client, Instant now);
  void watch(Passage& passage, Way way);
  void set(Link& link, Way way, const Conditions& conditions, Instant now);
  void lay(Link& link, Way way, std::optional<Ambush> ambush, Instant now);
  void heal(Link& link, Instant now);

  // -- the thread
  void work();
  void take(const epoll_event& event, Instant now);
  void pump_due(Instant now);

  // What a call does to a link; then everything that this has made possible.
  template <typename Action>
  void change(const std::string& name, Action action) {
    const std::lock_guard lock(mutex);
    const Instant now = monotonic_now();
    Link& changed = link(name);
    action(changed, now);
    pump_all(changed, now);
    eventfd_write(waker, 1);
  }
  void pump_all(Link& link, Instant now) {
    for (auto each = link.passages.begin(); each != link.passages.end();)
      pump(link, each++, now);
  }

  mutable std::mutex mutex;
  std::map<std::string, Link> links;
  std::unordered_map<std::uint64_t, Link*> listening;  // by number
  std::unordered_map<std::uint64_t, std::pair<Link*, PassageIterator>> passing;
  Random random;
  std::uint64_t next_number = 1;
  bool is_done = false;
  int poller = epoll_create1(EPOLL_CLOEXEC);
  int waker = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  std::thread thread;
};

FaultProxy::Impl::Impl(std::uint64_t seed) : random(seed) {
  PARLEY_ASSERT(poller >= 0 && waker >= 0);
  epoll_event event{.events = EPOLLIN, .data = {.u64 = 0}};
  PARLEY_ASSERT(epoll_ctl(poller, EPOLL_CTL_ADD, waker, &event) == 0);
  thread = std::thread([this] { work(); });
}

FaultProxy::Impl::~Impl() {
  {
    const std::lock_guard lock(mutex);
    is_done = true;
    eventfd_write(waker, 1);
  }
  thread.join();
  for (const auto& [name, link] : links)
    if (link.address.starts_with('/')) unlink(link.address.c_str());
  close(poller);
  close(waker);
}

Link& FaultProxy::Impl::link(const std::string& name) {
  const auto found = links.find(name);
  if (found != links.end()) return found->second;
  std::fprintf(stderr, "no link is named \"%s\"\n", name.c_str());
  std::abort();
}

void FaultProxy::Impl::work() {
  std::array<epoll_event, 64> events;
  Duration wait = Duration::max();
  while (true) {
    const auto ms = std::chrono::ceil<std::chrono::milliseconds>(wait).count();
    const int count = epoll_wait(poller, events.data(), static_cast<int>(events.size()),
                                 wait == Duration::max() ? -1 : static_cast<int>(ms));
    const std::lock_guard lock(mutex);
    if (is_done) return;
    const Instant now = monotonic_now();
    for (int i = 0; i < count; ++i) take(events[static_cast<std::size_t>(i)], now);
    pump_due(now);
    std::optional<Instant> next;
    for (const auto& [number, place] : passing) {
      const auto& wake = place.second->wake;
      if (wake && (!next || *wake < *next)) next = wake;
    }
    wait = next ? std::clamp(*next - now, Duration::zero(), Duration(1h)) : Duration::max();
  }
}

void FaultProxy::Impl::take(const epoll_event& event, Instant now) {
  const std::uint64_t number = event.data.u64 / 2;
  if (number == 0) {
    eventfd_t ignored;
    eventfd_read(waker, &ignored);
  } else if (const auto link = listening.find(number); link != listening.end()) {
    accept_all(*link->second, now);
  } else if (const auto place = passing.find(number); place != passing.end()) {
    pump(*place->second.first, place->second.second, now);
  }
}

void FaultProxy::Impl::pump_due(Instant now) {
  for (auto& [name, link] : links) {
    for (auto each = link.passages.begin(); each != link.passages.end();) {
      const auto passage = each++;
      if (passage->wake && *passage->wake <= now) pump(link, passage, now);
    }
  }
}

void FaultProxy::Impl::accept_all(Link& link, Instant now) {
  while (true) {
    StreamSocket client = accept_from(link.listener);
    if (!client.is_open()) return;
    if (link.door == Door::refusing || link.passages.size() >= connections_max) {
      ++link.counters.refused;
      client.reset();
      continue;
    }
    admit(link, std::move(client), now);
  }
}

void FaultProxy::Impl::admit(Link& link, StreamSocket client, Instant now) {
  using Kind = FaultConnection::Kind;
  const Kind kind = link.door == Door::silent ? Kind::silent : Kind::forwarding;
  ++(kind == Kind::silent ? link.counters.silenced : link.counters.accepted);
  const std::uint64_t number = next_number++;
  const auto passage = link.passages.emplace(
      link.passages.end(),
      Passage{FaultConnection(kind, std::move(client), link.target, link.conditions,
                              link.random.next()),
              number});
  for (const Way way : both_ways)
    if (const auto& ambush = link.ambushes[index_of(way)])
      passage->connection.pipe(way).set_wire(ambush->wire(), now);
  passing.emplace(number, std::pair{&link, passage});
  pump(link, passage, now);
}

void FaultProxy::Impl::pump(Link& link, PassageIterator passage, Instant now) {
  using State = FaultConnection::State;
  const State state = passage->connection.pump(now, link.counters);
  spring(link, *passage, now);
  switch (state) {
    case State::open:
      for (const Way way : both_ways) watch(*passage, way);
      passage->wake = passage->connection.wakes_at(now);
      return;
    case State::over:
      return end(link, passage, Cut::fin);
    case State::tripped:
      ++link.counters.cut;
      return end(link, passage, *passage->tripped);
    case State::unreachable:
      ++link.counters.unreachable;
      return end(link, passage, Cut::rst);
  }
}

// The last time takes the ambush away from all other connections.
void FaultProxy::Impl::spring(Link& link, Passage& passage, Instant now) {
  for (const Way way : both_ways) {
    if (passage.tripped || !passage.connection.pipe(way).is_tripped()) continue;
    std::optional<Ambush>& ambush = link.ambushes[index_of(way)];
    passage.tripped = ambush->how;
    ++link.counters.matched;
    if (--ambush->left == 0) lay(link, way, std::nullopt, now);
  }
}

void FaultProxy::Impl::end(Link& link, PassageIterator passage, Cut how) {
  for (const Way way : both_ways) {
    if (passage->watched[index_of(way)] != 0)
      epoll_ctl(poller, EPOLL_CTL_DEL, passage->connection.source(way).fd(), nullptr);
    link.counters.ways[index_of(way)].dropped += passage->connection.pipe(way).size();
  }
  passage->connection.end(how);
  passing.erase(passage->number);
  link.passages.erase(passage);
}

void FaultProxy::Impl::cut_all(Link& link, Cut how, std::optional<FaultConnection::Kind> kind) {
  for (auto each = link.passages.begin(); each != link.passages.end();) {
    const auto passage = each++;
    if (kind && passage->connection.kind() != *kind) continue;
    ++link.counters.cut;
    end(link, passage, how);
  }
}

// A socket that is watched for nothing must not be in epoll at all, which would tell of its end for ever.
void FaultProxy::Impl::watch(Passage& passage, Way way) {
  const std::uint32_t interest = passage.connection.interest(way);
  std::uint32_t& watched = passage.watched[index_of(way)];
  if (interest == watched) return;
  epoll_event event{.events = interest, .data = {.u64 = event_of(passage.number, way)}};
  const int what = watched == 0    ? EPOLL_CTL_ADD
                   : interest == 0 ? EPOLL_CTL_DEL
                                   : EPOLL_CTL_MOD;
  PARLEY_ASSERT(epoll_ctl(poller, what, passage.connection.source(way).fd(), &event) == 0);
  watched = interest;
}

void FaultProxy::Impl::set(Link& link, Way way, const Conditions& conditions, Instant now) {
  link.conditions[index_of(way)] = conditions;
  for (Passage& passage : link.passages) passage.connection.pipe(way).set(conditions, now);
}

void FaultProxy::Impl::lay(Link& link, Way way, std::optional<Ambush> ambush, Instant now) {
  for (Passage& passage : link.passages) {
    passage.connection.pipe(way).set_wire(ambush ? ambush->wire() : nullptr, now);
    passage.wake = now;
  }
  link.ambushes[index_of(way)] = std::move(ambush);
}

void FaultProxy::Impl::heal(Link& link, Instant now) {
  link.door = Door::open;
  cut_all(link, Cut::rst, FaultConnection::Kind::silent);
  for (const Way way : both_ways) {
    for (Passage& passage : link.passages) passage.connection.pipe(way).hold_until(Instant{});
    set(link, way, {}, now);
    lay(link, way, std::nullopt, now);
  }
}

// ---------------------------------------------------------------- what callers see

FaultProxy::FaultProxy(std::uint64_t seed) : impl_(std::make_unique<Impl>(seed)) {}
FaultProxy::~FaultProxy() = default;

StreamAddress FaultProxy::add(const std::string& name, const StreamAddress& listen,
                              const StreamAddress& target) {
  const std::lock_guard lock(impl_->mutex);
  StreamSocket listener = listen_at(listen);
  const StreamAddress address = address_of(listener, listen);
  const std::uint64_t number = impl_->next_number++;
  const auto [place, is_new] = impl_->links.try_emplace(
      name, Link{address, target, std::move(listener), number, Random(impl_->random.next())});
  PARLEY_ASSERT(is_new);
  impl_->listening.emplace(number, &place->second);
  epoll_event event{.events = EPOLLIN, .data = {.u64 = event_of(number, Way::to_server)}};
  PARLEY_ASSERT(epoll_ctl(impl_->poller, EPOLL_CTL_ADD, place->second.listener.fd(), &event) == 0);
  return address;
}

std::vector<std::string> FaultProxy::links(std::string_view part) const {
  const std::lock_guard lock(impl_->mutex);
  std::vector<std::string> names;
  for (const auto& [name, link] : impl_->links)
    if (name.find(part) != name.npos) names.push_back(name);
  return names;
}

void FaultProxy::set(const std::string& link, Ways ways, const Conditions& conditions) {
  impl_->change(link, [&](Link& changed, Instant now) {
    for (const Way way : ways) impl_->set(changed, way, conditions, now);
  });
}

Conditions FaultProxy::conditions(const std::string& link, Way way) const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->link(link).conditions[index_of(way)];
}

void FaultProxy::set_flow(const std::string& link, Ways ways, Flow flow) {
  impl_->change(link, [&](Link& changed, Instant now) {
    for (const Way way : ways) {
      Conditions conditions = changed.conditions[index_of(way)];
      conditions.flow = flow;
      impl_->set(changed, way, conditions, now);
    }
  });
}

void FaultProxy::blackhole(const std::string& link, Ways ways) {
  set_flow(link, ways, Flow::held);
}

void FaultProxy::stop_reading(const std::string& link, Ways ways) {
  set_flow(link, ways, Flow::unread);
}

void FaultProxy::cut(const std::string& link, Cut how) {
  impl_->change(link, [&](Link& changed, Instant) { impl_->cut_all(changed, how); });
}

void FaultProxy::hold(const std::string& link) { blackhole(link, both_ways); }

void FaultProxy::release(const std::string& link, ReleaseOrder order, Duration apart) {
  impl_->change(link, [&](Link& changed, Instant now) {
    std::vector<Passage*> passages;
    for (Passage& passage : changed.passages) passages.push_back(&passage);
    if (order == ReleaseOrder::newest_first) std::reverse(passages.begin(), passages.end());
    if (order == ReleaseOrder::shuffled)
      for (std::size_t i = passages.size(); i > 1; --i)
        std::swap(passages[i - 1], passages[changed.random.below(i)]);
    for (const Way way : both_ways) {
      Instant when = now;
      for (Passage* passage : passages)
        passage->connection.pipe(way).hold_until(std::exchange(when, when + apart));
      Conditions conditions = changed.conditions[index_of(way)];
      conditions.flow = Flow::open;
      impl_->set(changed, way, conditions, now);
    }
  });
}

void FaultProxy::cut_after(const std::string& link, const CutAfter& what) {
  PARLEY_ASSERT((what.bytes > 0) != !what.pattern.empty() && what.times > 0);
  const auto wire = [what] {
    return what.bytes > 0 ? cut_after_bytes(what.bytes) : cut_at_pattern(what.pattern, what.keep);
  };
  impl_->change(link, [&](Link& changed, Instant now) {
    impl_->lay(changed, what.way, Ambush{wire, what.times, what.how}, now);
  });
}

void FaultProxy::lose_commit_reply(const std::string& link, unsigned times) {
  PARLEY_ASSERT(times > 0);
  const auto wire = [] { return lose_answer(append_request(), judge_commit); };
  impl_->change(link, [&](Link& changed, Instant now) {
    impl_->lay(changed, Way::to_client, Ambush{wire, times, Cut::rst}, now);
  });
}

void FaultProxy::refuse(const std::string& link) {
  impl_->change(link, [](Link& changed, Instant) { changed.door = Door::refusing; });
}

void FaultProxy::accept_then_silence(const std::string& link) {
  impl_->change(link, [](Link& changed, Instant) { changed.door = Door::silent; });
}

void FaultProxy::heal(const std::string& link) {
  impl_->change(link, [&](Link& changed, Instant now) { impl_->heal(changed, now); });
}

void FaultProxy::heal_all() {
  for (const std::string& link : links()) heal(link);
}

LinkCounters FaultProxy::counters(const std::string& name) const {
  const std::lock_guard lock(impl_->mutex);
  const Link& link = impl_->link(name);
  LinkCounters counters = link.counters;
  counters.open = link.passages.size();
  for (const Passage& passage : link.passages)
    for (const Way way : both_ways)
      counters.ways[index_of(way)].waiting += passage.connection.pipe(way).size();
  return counters;
}

}  // namespace parley::test
