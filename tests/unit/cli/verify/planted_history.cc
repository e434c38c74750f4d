#include "tests/unit/cli/verify/planted_history.h"

namespace parley::verify {
namespace {

std::uint64_t hash_of(Planted::Name name, std::string_view body) {
  return body_hash(body.empty() ? std::string(1, name.letter) : std::string(body));
}

}  // namespace

template <typename What>
Planted& Planted::add(std::string process, What what) {
  now_ += 1ms;
  history_.add(now_, std::move(process), std::move(what));
  return *this;
}

MessageKey Planted::key(Name name) const {
  MessageKey key{.conversation = conversation_, .sender = UserId{name.sender}};
  key.client_id.fill(static_cast<std::uint8_t>(name.letter));
  return key;
}

Planted& Planted::in(std::uint64_t a, std::uint64_t b) {
  conversation_ = direct_conversation(UserId{a}, UserId{b});
  return *this;
}

Planted& Planted::by(std::string device) {
  device_ = std::move(device);
  return *this;
}

Planted& Planted::later(Duration passed) {
  now_ += passed;
  return *this;
}

std::uint64_t Planted::invoke(Name name, std::string_view body) {
  const std::string device = device_.empty() ? std::to_string(name.sender) + "/1" : device_;
  add(device, SendInvoked{.op = ++ops_, .key = key(name), .body = hash_of(name, body)});
  return ops_;
}

Planted& Planted::ok(std::uint64_t op, std::uint64_t seq, std::int64_t time_ms) {
  return add("sender", SendOk{.op = op, .seq = Seq{seq}, .time_ms = time_ms});
}

Planted& Planted::failed(std::uint64_t op) {
  return add("sender", SendFailed{.op = op, .error = "bad_request"});
}

Planted& Planted::unknown(std::uint64_t op) { return add("sender", SendUnknown{.op = op}); }

Planted& Planted::sent(Name name, std::uint64_t seq) {
  ok(invoke(name), seq);
  return row(name, seq);
}

Planted& Planted::row(Name name, std::uint64_t seq, std::string_view body) {
  ++rows_;
  return add("database",
             Row{.key = key(name), .seq = Seq{seq}, .body = hash_of(name, body), .time_ms = 5});
}

Planted& Planted::head(std::uint64_t seq) {
  ++heads_;
  return add("database", Head{.conversation = conversation_, .seq = Seq{seq}});
}

Planted& Planted::list(std::uint64_t user) {
  ++lists_;
  return add("database", ListRow{.user = UserId{user}, .conversation = conversation_});
}

Planted& Planted::dumped_with_heads() {
  return add("database", Dumped{.rows = rows_, .heads = heads_});
}

Planted& Planted::dumped_with_lists() {
  return add("database", Dumped{.rows = rows_, .heads = heads_, .lists = lists_});
}

Planted& Planted::dumped() { return add("database", Dumped{.rows = rows_}); }

Planted& Planted::deliver(std::string device, Name name, std::uint64_t seq, std::string_view body,
                          Via via) {
  const auto members = members_of(conversation_);
  const UserId reader =
      device.starts_with(std::to_string(members->low.value)) ? members->low : members->high;
  return add(std::move(device), Delivered{.reader = reader,
                                          .key = key(name),
                                          .seq = Seq{seq},
                                          .body = hash_of(name, body),
                                          .via = via});
}

Planted& Planted::push(std::string device, Name name, std::uint64_t seq, std::string_view body) {
  return deliver(std::move(device), name, seq, body, Via::push);
}

Planted& Planted::pull(std::string device, Name name, std::uint64_t seq) {
  return deliver(std::move(device), name, seq, {}, Via::pull);
}

Planted& Planted::pushed(std::string device, Name name, std::uint64_t seq, std::string_view body) {
  const UserId reader{static_cast<std::uint64_t>(device.front() - '0')};
  return add(
      std::move(device),
      Pushed{.reader = reader, .key = key(name), .seq = Seq{seq}, .body = hash_of(name, body)});
}

Planted& Planted::closed(std::string device) { return add(std::move(device), ConnectionClosed{}); }

Planted& Planted::login(std::string device, std::uint64_t user, std::string how) {
  return add(std::move(device), SessionBegan{.user = UserId{user}, .how = std::move(how)});
}

Planted& Planted::logout(std::string device) {
  return add(std::move(device), SessionEnded{.why = "logout"});
}

std::uint64_t Planted::ask(std::string device, std::uint64_t from, std::uint64_t to) {
  const UserId reader{static_cast<std::uint64_t>(device.front() - '0')};
  add(std::move(device), PullInvoked{.op = ++ops_,
                                     .reader = reader,
                                     .conversation = conversation_,
                                     .from = Seq{from},
                                     .to = Seq{to}});
  return ops_;
}

Planted& Planted::page(std::uint64_t op, const Answer& answer) {
  PullOk page{.op = op, .head = Seq{answer.head}, .more = answer.more, .entries = {}};
  for (const Line& line : answer.lines)
    page.entries.push_back({.seq = Seq{line.seq},
                            .sender = UserId{line.name.sender},
                            .client_id = key(line.name).client_id,
                            .body = hash_of(line.name, line.body)});
  return add("reader", std::move(page));
}

Planted& Planted::no_page(std::uint64_t op) {
  return add("reader", PullFailed{.op = op, .error = "not_found"});
}

Planted& Planted::asked(std::string device, std::uint64_t from, const Answer& answer) {
  return page(ask(std::move(device), from), answer);
}

Planted& Planted::gauge(std::string process, std::string name, std::int64_t value,
                        std::int64_t limit) {
  return add(std::move(process), Gauge{.name = std::move(name), .value = value, .limit = limit});
}

Planted& Planted::attempted(std::uint64_t request, std::uint64_t attempt) {
  return add("broker-1", Attempted{.request = request, .attempt = attempt});
}

Planted& Planted::wants_receipt(std::uint64_t user, std::uint64_t received, std::uint64_t read) {
  return add(std::to_string(user) + "/1", ReceiptInvoked{.user = UserId{user},
                                                         .conversation = conversation_,
                                                         .received = Seq{received},
                                                         .read = Seq{read}});
}

Planted& Planted::stream(std::string device) { return add(std::move(device), StreamBegan{}); }

Planted& Planted::synced(std::string device, std::uint64_t head) {
  return add(std::move(device),
             Synced{.reader = {}, .conversation = conversation_, .head = Seq{head}});
}

Planted& Planted::acked_receipt(std::uint64_t user, std::uint64_t received, std::uint64_t read) {
  return add(std::to_string(user) + "/1", ReceiptAcked{.user = UserId{user},
                                                       .conversation = conversation_,
                                                       .received = Seq{received},
                                                       .read = Seq{read}});
}

Planted& Planted::saw_receipt(std::string device, std::uint64_t user, std::uint64_t received,
                              std::uint64_t read) {
  return add(std::move(device), ReceiptSeen{.user = UserId{user},
                                            .conversation = conversation_,
                                            .received = Seq{received},
                                            .read = Seq{read}});
}

Planted& Planted::fault(std::int64_t before, std::int64_t after,
                        std::optional<std::uint64_t> felt_ms) {
  return add("nemesis",
             Fault{.kind = "kill",
                   .target = "worker",
                   .before = before,
                   .after = after,
                   .felt_ms = felt_ms});
}

Planted& Planted::healed() { return add("nemesis", Healed{}); }
Planted& Planted::quiesced() { return add("nemesis", Quiesced{}); }

}  // namespace parley::verify
