#include "tests/unit/cli/verify/honest_server.h"

#include <algorithm>
#include <map>
#include <vector>

namespace parley::verify {
namespace {

struct Send {
  MessageKey key;
  std::string device;
  std::uint64_t body = 0;
  Instant committed = {};
  Seq seq = {};  // by the order of commits
};

class Story {
 public:
  Story(const Weather& weather, std::uint64_t seed) : weather_(weather), random_(seed) {}

  History tell() {
    for (unsigned pair = 0; pair < weather_.pairs; ++pair) tell_pair(pair);
    if (weather_.faults > 0)
      for (unsigned i = 1; i <= weather_.faults; ++i)
        at(begin_ + 37ms * i, "nemesis",
           Fault{.kind = "kill -9", .target = "worker-1", .before = i, .after = i + 1});
    const Instant healed = end_ + 1ms;
    at(healed, "nemesis", Healed{});
    end_ = healed;
    dump();
    sort();
    return std::move(sorted_);
  }

 private:
  struct Log {
    ConversationId conversation;
    UserId users[2];
    std::vector<Send> sends;
  };

  bool chance(unsigned percent) { return random_.below(100) < percent; }
  Duration some(Duration most) {
    return Duration{
        static_cast<std::int64_t>(1 + random_.below(static_cast<std::uint64_t>(most.count())))};
  }
  template <typename What>
  void at(Instant when, const std::string& process, What what) {
    events_.push_back({when, process, std::move(what)});
    end_ = std::max(end_, when);
  }
  static std::string device(UserId user, unsigned number) {
    return std::to_string(user.value) + "/" + std::to_string(number);
  }

  void tell_pair(unsigned pair) {
    Log log;
    log.users[0] = UserId{2 * pair + 1};
    log.users[1] = UserId{2 * pair + 2};
    log.conversation = direct_conversation(log.users[0], log.users[1]);
    for (const UserId user : log.users)
      for (unsigned number = 1; number <= (weather_.both_devices_write ? 2u : 1u); ++number)
        write(log, user, number);
    std::ranges::sort(log.sends, {}, &Send::committed);
    for (std::size_t i = 0; i < log.sends.size(); ++i) log.sends[i].seq = Seq{i + 1};
    for (const Send& send : log.sends) answer(send);
    for (const UserId user : log.users)
      for (unsigned number = 1; number <= 2; ++number) read(log, user, number);
    show_receipts(log);
    logs_.push_back(std::move(log));
  }

  // -- writing: what is invoked and when it commits

  void write(Log& log, UserId user, unsigned number) {
    const std::string name = device(user, number);
    Instant now = begin_;
    Instant committed = begin_;
    std::vector<Instant> on_their_way;
    for (unsigned i = 0; i < weather_.sends; ++i) {
      now += some(3ms);
      Send send{.key = {.conversation = log.conversation, .sender = user},
                .device = name,
                .body = body_hash(name + " says " + std::to_string(i))};
      put_id(send.key.client_id, chance(weather_.same_client_ids) ? UserId{} : user, number, i);
      if (on_their_way.size() >= weather_.outbox) {
        now = std::max(now, on_their_way.front() + 3ms);
        on_their_way.erase(on_their_way.begin());
      }
      // The bus keeps a device's order, so its commits are in that order too.
      committed = std::max(now, committed) + some(2ms);
      on_their_way.push_back(committed);
      if (begin_attempt(send, now, committed)) log.sends.push_back(send);
    }
  }

  static void put_id(ClientMessageId& id, UserId user, unsigned number, unsigned i) {
    for (unsigned byte = 0; byte < 8; ++byte)
      id[byte] = static_cast<std::uint8_t>(i >> 8 * byte % 32);
    id[8] = static_cast<std::uint8_t>(number);
    for (unsigned byte = 0; byte < 4; ++byte)
      id[12 + byte] = static_cast<std::uint8_t>(user.value >> 8 * byte);
  }

  std::uint64_t invoke(const Send& send, Instant when) {
    at(when, send.device, SendInvoked{.op = ++op_, .key = send.key, .body = send.body});
    return op_;
  }

  // False: it was refused for good.
  bool begin_attempt(Send& send, Instant now, Instant committed) {
    const std::uint64_t op = invoke(send, now);
    send.committed = committed;
    if (chance(weather_.refused)) {
      at(committed, send.device, SendFailed{.op = op, .error = "bad_request"});
      return false;
    }
    if (chance(weather_.refused_first)) {
      at(now + 100us, send.device, SendFailed{.op = op, .error = "refused"});
      again(send, now + 150us);
    } else if (chance(weather_.lost_requests)) {
      at(now + 1s, send.device, SendUnknown{.op = op});
      again(send, now + 1s + some(3s));
    } else if (chance(weather_.lost_replies)) {
      at(now + 1s, send.device, SendUnknown{.op = op});
      replies_[send.key] = {invoke(send, now + 1s + some(3s)), now + 4s + some(1ms)};
    } else {
      replies_[send.key] = {op, committed + some(2ms)};
    }
    return true;
  }

  void again(Send& send, Instant when) {
    const std::uint64_t op = invoke(send, when);
    send.committed = when + some(1ms);
    replies_[send.key] = {op, send.committed + some(2ms)};
  }

  static SendOk ack(const Send& send, std::uint64_t op) {
    return {.op = op,
            .seq = send.seq,
            .time_ms = std::chrono::duration_cast<std::chrono::milliseconds>(
                           send.committed.time_since_epoch())
                           .count()};
  }

  void answer(const Send& send) {
    const Reply reply = replies_.at(send.key);
    at(reply.at, send.device, ack(send, reply.op));
    if (chance(weather_.repeated_acked)) {
      const Instant later = reply.at + some(30s);
      const std::uint64_t op = invoke(send, later);
      at(later + some(1ms), send.device, ack(send, op));
    }
    if (chance(weather_.conflicts)) {
      Send other = send;
      other.body = body_hash("something else");
      const std::uint64_t op = invoke(other, reply.at + 1ms);
      at(reply.at + 2ms, send.device, SendFailed{.op = op, .error = "conflict"});
    }
  }

  // -- reading: pushes, pages, receipts

  void read(const Log& log, UserId user, unsigned number) {
    const std::string name = device(user, number);
    at(begin_, name, SessionBegan{.user = user, .how = "password"});
    at(begin_, name, StreamBegan{});
    Instant now = begin_;
    bool fresh = false;
    for (const Send& send : log.sends) {
      const Duration way = some(chance(weather_.slow_pushes) ? Duration{2s} : Duration{1ms});
      now = std::max(now + 1us, send.committed + way);
      if (chance(weather_.resets)) {
        const bool writes = number == 1 || weather_.both_devices_write;
        reset(name, user, Leaves{!writes && chance(weather_.logouts)}, now);
        fresh = true;
      }
      const Via via = fresh ? Via::pull : Via::push;
      fresh = false;
      at(now, name,
         Delivered{
             .reader = user, .key = send.key, .seq = send.seq, .body = send.body, .via = via});
      if (via == Via::push && send.device != name) push(send, user, name, now);
      if (chance(weather_.pages)) page(log, user, name, now);
      if (chance(weather_.receipts)) receipt(log, user, name, send.seq, now);
      if (chance(weather_.strangers_ask)) ask_as_stranger(log, name, user, now);
    }
    at(end_, name,
       Synced{.reader = user, .conversation = log.conversation, .head = Seq{log.sends.size()}});
  }

  void push(const Send& send, UserId user, const std::string& name, Instant now) {
    const Pushed pushed{.reader = user, .key = send.key, .seq = send.seq, .body = send.body};
    at(now, name, pushed);
    if (!chance(weather_.pushes_again)) return;
    for (std::uint64_t copies = 1 + random_.below(3); copies > 0; --copies)
      at(now + some(900ms), name, pushed);
  }

  enum class Leaves : bool { no, yes };
  void reset(const std::string& name, UserId user, Leaves leaves, Instant& now) {
    const bool logs_out = leaves == Leaves::yes;
    if (logs_out) at(now, name, SessionEnded{.why = "logout"});
    at(now, name, ConnectionClosed{});
    now += some(5s);
    at(now, name, SessionBegan{.user = user, .how = logs_out ? "password" : "token"});
    at(now, name, StreamBegan{});
    now += 1us;
  }

  // A device that asks for the last part of the log until it has it.
  void page(const Log& log, UserId user, const std::string& name, Instant now) {
    const std::size_t committed = committed_by(log, now);
    constexpr std::size_t tail_max = 50;
    const std::size_t tail = std::min(committed, tail_max);
    std::uint64_t from = committed - tail + 1 + random_.below(tail + 2);
    for (bool more = true; more;) {
      at(now, name,
         PullInvoked{.op = ++op_,
                     .reader = user,
                     .conversation = log.conversation,
                     .from = Seq{from},
                     .to = Seq{1u << 30}});
      const Instant served = now + some(1ms);
      PullOk answer{
          .op = op_, .head = Seq{committed_by(log, served)}, .more = false, .entries = {}};
      for (; from <= answer.head.value && answer.entries.size() < weather_.page_limit; ++from)
        answer.entries.push_back(line(log.sends[from - 1]));
      more = answer.more = from <= answer.head.value;
      now = served + some(1ms);
      at(now, name, std::move(answer));
    }
  }

  static PageEntry line(const Send& send) {
    return {.seq = send.seq,
            .sender = send.key.sender,
            .client_id = send.key.client_id,
            .body = send.body};
  }

  static std::size_t committed_by(const Log& log, Instant when) {
    return static_cast<std::size_t>(
        std::ranges::upper_bound(log.sends, when, {}, &Send::committed) - log.sends.begin());
  }

  void ask_as_stranger(const Log& log, const std::string& name, UserId user, Instant now) {
    const UserId other{user.value + 100};
    at(now, name,
       PullInvoked{.op = ++op_,
                   .reader = user,
                   .conversation = direct_conversation(log.users[user == log.users[0]], other),
                   .from = Seq{1},
                   .to = Seq{9}});
    at(now + some(1ms), name, PullFailed{.op = op_, .error = "not_found"});
  }

  struct Moved {
    Instant at;
    UserId user;
    Seq received;
    Seq read;
  };

  void receipt(const Log& log, UserId user, const std::string& name, Seq seq, Instant now) {
    const Seq read = chance(50) ? seq : Seq{};
    at(now, name,
       ReceiptInvoked{
           .user = user, .conversation = log.conversation, .received = seq, .read = read});
    moves_[log.conversation].push_back({now, user, seq, read});
  }

  // The server takes the furthest of each; the other member's devices see it, each at its own time,
  // but never an older one after a newer one.
  void show_receipts(const Log& log) {
    auto& moves = moves_[log.conversation];
    std::ranges::sort(moves, {}, &Moved::at);
    for (const UserId user : log.users) {
      Seq received;
      Seq read;
      for (unsigned number = 1; number <= 2; ++number) {
        Instant seen = begin_;
        received = read = Seq{};
        for (const Moved& move : moves) {
          if (move.user != user) continue;
          received = std::max({received, move.received, move.read});
          read = std::max(read, move.read);
          if (number == 1)
            at(move.at + 50us, device(user, 1),
               ReceiptAcked{user, log.conversation, received, read});
          seen = std::max(seen, move.at) + some(3ms);
          at(seen, device(log.users[user == log.users[0]], number),
             ReceiptSeen{user, log.conversation, received, read});
        }
      }
    }
  }

  // -- the end

  void dump() {
    std::uint64_t rows = 0;
    for (const Log& log : logs_) {
      for (const Send& send : log.sends)
        at(end_, "database",
           Row{.key = send.key,
               .seq = send.seq,
               .body = send.body,
               .time_ms = ack(send, 0).time_ms});
      rows += log.sends.size();
      at(end_, "database", Head{.conversation = log.conversation, .seq = Seq{log.sends.size()}});
      for (const UserId user : log.users)
        at(end_, "database", ListRow{.user = user, .conversation = log.conversation});
    }
    at(end_, "database", Dumped{.rows = rows, .heads = logs_.size(), .lists = 2 * logs_.size()});
    at(end_, "nemesis", Quiesced{});
  }

  void sort() {
    std::ranges::stable_sort(events_, {}, &Event::at);
    for (Event& event : events_)
      std::visit([&](auto& what) { sorted_.add(event.at, event.process, std::move(what)); },
                 event.what);
  }

  struct Reply {
    std::uint64_t op = 0;
    Instant at;
  };

  const Weather weather_;
  Random random_;
  const Instant begin_{1s};
  Instant end_{1s};
  std::uint64_t op_ = 0;
  std::vector<Event> events_;
  std::vector<Log> logs_;
  std::map<MessageKey, Reply> replies_;
  std::map<ConversationId, std::vector<Moved>> moves_;
  History sorted_;
};

}  // namespace

History honest_history(const Weather& weather, std::uint64_t seed) {
  return Story(weather, seed).tell();
}

}  // namespace parley::verify
