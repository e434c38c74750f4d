#include "cli/verify/history.h"

#include <algorithm>
#include <concepts>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>

namespace parley::verify {
namespace {

using Json = nlohmann::json;

std::string to_hex(const ClientMessageId& id) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string hex;
  for (const std::uint8_t byte : id) {
    hex += digits[byte >> 4];
    hex += digits[byte & 15];
  }
  return hex;
}

ClientMessageId from_hex(const std::string& hex) {
  ClientMessageId id{};
  for (std::size_t i = 0; i < id.size(); ++i)
    id[i] = static_cast<std::uint8_t>(std::stoul(hex.substr(2 * i, 2), nullptr, 16));
  return id;
}

struct Writer {
  Json& json;
  template <typename T>
  void operator()(const char* name, const T& value) {
    json[name] = value;
  }
  template <typename Tag>
  void operator()(const char* name, const Id<Tag>& value) {
    json[name] = value.value;
  }
  void operator()(const char* name, const ClientMessageId& value) { json[name] = to_hex(value); }
  void operator()(const char* name, const Via& value) {
    json[name] = value == Via::push ? "push" : "pull";
  }
  void operator()(const char* name, const std::optional<std::uint64_t>& value) {
    if (value) json[name] = *value;
  }
  // [[seq, sender, client id, body], …]: a page is one line.
  void operator()(const char* name, const std::vector<PageEntry>& entries) {
    Json& list = json[name] = Json::array();
    for (const PageEntry& e : entries)
      list.push_back({e.seq.value, e.sender.value, to_hex(e.client_id), e.body});
  }
};

struct Reader {
  const Json& json;
  template <typename T>
  void operator()(const char* name, T& value) {
    value = json.at(name).get<T>();
  }
  template <typename Tag>
  void operator()(const char* name, Id<Tag>& value) {
    value = Id<Tag>{json.at(name).get<std::uint64_t>()};
  }
  void operator()(const char* name, ClientMessageId& value) {
    value = from_hex(json.at(name).get<std::string>());
  }
  void operator()(const char* name, Via& value) {
    value = json.at(name).get<std::string>() == "push" ? Via::push : Via::pull;
  }
  void operator()(const char* name, std::optional<std::uint64_t>& value) {
    if (json.contains(name)) value = json.at(name).get<std::uint64_t>();
  }
  void operator()(const char* name, std::vector<PageEntry>& entries) {
    for (const Json& e : json.at(name))
      entries.push_back({.seq = Seq{e.at(0).get<std::uint64_t>()},
                         .sender = UserId{e.at(1).get<std::uint64_t>()},
                         .client_id = from_hex(e.at(2).get<std::string>()),
                         .body = e.at(3).get<std::uint64_t>()});
  }
};

// The fields of each kind of event, once for both directions; then what it is called in the file.
template <typename T, typename U>
concept Is = std::same_as<std::remove_const_t<T>, U>;

void fields(auto& a, Is<MessageKey> auto& e) {
  a("c", e.conversation), a("sender", e.sender), a("cmid", e.client_id);
}
void fields(auto& a, Is<SendInvoked> auto& e) {
  a("op", e.op), fields(a, e.key), a("body", e.body);
}
void fields(auto& a, Is<SendOk> auto& e) {
  a("op", e.op), a("seq", e.seq), a("time_ms", e.time_ms);
}
void fields(auto& a, Is<SendFailed> auto& e) { a("op", e.op), a("error", e.error); }
void fields(auto& a, Is<SendUnknown> auto& e) { a("op", e.op); }
void fields(auto& a, Is<Delivered> auto& e) {
  a("d", e.reader), fields(a, e.key), a("seq", e.seq), a("body", e.body), a("via", e.via);
}
void fields(auto& a, Is<Pushed> auto& e) {
  a("d", e.reader), fields(a, e.key), a("seq", e.seq), a("body", e.body);
}
void fields(auto&, Is<StreamBegan> auto&) {}
void fields(auto&, Is<ConnectionClosed> auto&) {}
void fields(auto& a, Is<SessionBegan> auto& e) { a("u", e.user), a("how", e.how); }
void fields(auto& a, Is<SessionEnded> auto& e) { a("why", e.why); }
void fields(auto& a, Is<PullInvoked> auto& e) {
  a("op", e.op), a("d", e.reader), a("c", e.conversation), a("from", e.from), a("to", e.to);
}
void fields(auto& a, Is<PullOk> auto& e) {
  a("op", e.op), a("head", e.head), a("more", e.more), a("entries", e.entries);
}
void fields(auto& a, Is<PullFailed> auto& e) { a("op", e.op), a("error", e.error); }
void fields(auto& a, Is<Synced> auto& e) {
  a("d", e.reader), a("c", e.conversation), a("head", e.head);
}
void fields(auto& a, Is<ReceiptInvoked> auto& e) {
  a("u", e.user), a("c", e.conversation), a("received", e.received), a("read", e.read);
}
void fields(auto& a, Is<ReceiptAcked> auto& e) {
  a("u", e.user), a("c", e.conversation), a("received", e.received), a("read", e.read);
}
void fields(auto& a, Is<ReceiptSeen> auto& e) {
  a("u", e.user), a("c", e.conversation), a("received", e.received), a("read", e.read);
}
void fields(auto& a, Is<Fault> auto& e) {
  a("kind", e.kind), a("target", e.target), a("before", e.before), a("after", e.after);
  a("felt_ms", e.felt_ms);
}
void fields(auto&, Is<Healed> auto&) {}
void fields(auto&, Is<Quiesced> auto&) {}
void fields(auto& a, Is<Row> auto& e) {
  fields(a, e.key), a("seq", e.seq), a("body", e.body), a("time_ms", e.time_ms);
}
void fields(auto& a, Is<Head> auto& e) { a("c", e.conversation), a("seq", e.seq); }
void fields(auto& a, Is<Gauge> auto& e) {
  a("name", e.name), a("value", e.value), a("limit", e.limit);
}
void fields(auto& a, Is<Attempted> auto& e) { a("request", e.request), a("attempt", e.attempt); }
void fields(auto& a, Is<ListRow> auto& e) { a("u", e.user), a("c", e.conversation); }
void fields(auto& a, Is<Dumped> auto& e) {
  a("rows", e.rows), a("heads", e.heads), a("lists", e.lists);
}

struct Label {
  const char* type;
  const char* f;
};
constexpr Label label(const SendInvoked&) { return {"invoke", "send"}; }
constexpr Label label(const SendOk&) { return {"ok", "send"}; }
constexpr Label label(const SendFailed&) { return {"fail", "send"}; }
constexpr Label label(const SendUnknown&) { return {"info", "send"}; }
constexpr Label label(const Delivered&) { return {"obs", "deliver"}; }
constexpr Label label(const Pushed&) { return {"obs", "push"}; }
constexpr Label label(const StreamBegan&) { return {"obs", "conn_open"}; }
constexpr Label label(const ConnectionClosed&) { return {"obs", "conn_close"}; }
constexpr Label label(const SessionBegan&) { return {"ok", "login"}; }
constexpr Label label(const SessionEnded&) { return {"ok", "logout"}; }
constexpr Label label(const PullInvoked&) { return {"invoke", "pull"}; }
constexpr Label label(const PullOk&) { return {"ok", "pull"}; }
constexpr Label label(const PullFailed&) { return {"fail", "pull"}; }
constexpr Label label(const Synced&) { return {"ok", "sync"}; }
constexpr Label label(const ReceiptInvoked&) { return {"invoke", "receipt"}; }
constexpr Label label(const ReceiptAcked&) { return {"ok", "receipt"}; }
constexpr Label label(const ReceiptSeen&) { return {"obs", "receipt"}; }
constexpr Label label(const Fault&) { return {"obs", "fault"}; }
constexpr Label label(const Healed&) { return {"obs", "healed"}; }
constexpr Label label(const Quiesced&) { return {"obs", "quiesced"}; }
constexpr Label label(const Gauge&) { return {"obs", "gauge"}; }
constexpr Label label(const Attempted&) { return {"obs", "attempt"}; }
constexpr Label label(const Row&) { return {"obs", "row"}; }
constexpr Label label(const Head&) { return {"obs", "head"}; }
constexpr Label label(const ListRow&) { return {"obs", "list_row"}; }
constexpr Label label(const Dumped&) { return {"obs", "dumped"}; }

using What = decltype(Event::what);

Json to_json(const Event& event, std::size_t line) {
  Json json{{"i", line}, {"t", event.at.time_since_epoch().count()}, {"p", event.process}};
  std::visit(
      [&](const auto& what) {
        json["type"] = label(what).type;
        json["f"] = label(what).f;
        Writer writer{json};
        fields(writer, what);
      },
      event.what);
  return json;
}

// Tries the alternatives one after the other; false: this is another one.
template <typename T>
bool read_as(const Json& json, What& what) {
  T value;
  if (json.at("type") != label(value).type || json.at("f") != label(value).f) return false;
  Reader reader{json};
  fields(reader, value);
  what = std::move(value);
  return true;
}

template <typename... T>
bool read_any(const Json& json, std::variant<T...>& what) {
  return (read_as<T>(json, what) || ...);
}

// Far beyond any run, so that times and gauges can be subtracted without a thought.
bool is_within_reason(std::int64_t number) { return number <= 1LL << 60 && number >= -(1LL << 60); }

bool is_within_reason(const Event& event) {
  const auto* gauge = std::get_if<Gauge>(&event.what);
  return is_within_reason(event.at.time_since_epoch().count()) &&
         (!gauge || (is_within_reason(gauge->value) && is_within_reason(gauge->limit)));
}

std::optional<Event> from_json(const std::string& line) try {
  bool is_whole = true;  // no field is a fraction, and 1e300 is no number of ours
  const Json json = Json::parse(line, [&](int, Json::parse_event_t, const Json& value) {
    is_whole = is_whole && !value.is_number_float();
    return true;
  });
  if (!is_whole) return std::nullopt;
  Event event;
  event.at = Instant{Duration{json.at("t").get<std::int64_t>()}};
  event.process = json.at("p").get<std::string>();
  if (!read_any(json, event.what) || !is_within_reason(event)) return std::nullopt;
  return event;
} catch (const std::exception&) {  // nlohmann's and std::stoul's; the caller names the line
  return std::nullopt;
}

}  // namespace

std::uint64_t body_hash(std::string_view body) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char c : body) hash = (hash ^ static_cast<std::uint8_t>(c)) * 0x100000001b3ULL;
  return hash;
}

void History::merge(const History& other) {
  events_.insert(events_.end(), other.events_.begin(), other.events_.end());
  sort();
}

void History::sort() { std::ranges::stable_sort(events_, {}, &Event::at); }

Status History::save(const std::string& path) const {
  std::ofstream file(path);
  std::size_t line = 0;
  for (const Event& event : events_) file << to_json(event, ++line).dump() << '\n';
  file.close();
  if (!file) return fail(Errc::io, "cannot write " + path);
  return {};
}

Result<History> History::load(const std::string& path) {
  std::ifstream file(path);
  if (!file) return fail(Errc::io, "cannot read " + path);
  History history;
  std::string text;
  for (std::size_t line = 1; std::getline(file, text); ++line) {
    auto event = from_json(text);
    if (!event) return fail(Errc::bad_request, "line " + std::to_string(line) + ": " + text);
    history.events_.push_back(*std::move(event));
  }
  if (file.bad()) return fail(Errc::io, "cannot read " + path);
  return history;
}

}  // namespace parley::verify

std::size_t std::hash<parley::verify::MessageKey>::operator()(
    const parley::verify::MessageKey& key) const noexcept {
  std::uint64_t halves[2];
  std::memcpy(halves, key.client_id.data(), sizeof halves);
  return (halves[0] ^ key.sender.value * 0x9E3779B97F4A7C15ULL) +
         (halves[1] ^ key.conversation.value) * 0xBF58476D1CE4E5B9ULL;
}
