// What proves who somebody is, and where he is to be found, as text or bytes: what is accepted is said again
// in one way only, and what has been changed is never taken for the same. Input: which of them, what is changed,
// then its bytes.
#include <algorithm>

#include "bus/key_list.h"
#include "client/address.h"
#include "gateway/key_file.h"
#include "store/redis/address.h"
#include "tests/fuzz/fuzz.h"
#include "workers/tokens.h"

namespace parley {
namespace {

// One byte of a text is another one.
struct Change {
  std::uint16_t place = 0;
  std::uint8_t difference = 0;

  std::string of(std::string_view text) const {
    std::string changed(text);
    if (changed.empty()) return "?";
    char& byte = changed[place % changed.size()];
    byte = static_cast<char>(byte ^ (difference == 0 ? 1 : difference));
    return changed;
  }
};

// The spellings of one key: "7" is "007", and hex has two cases.
std::string simplest(std::string text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'F') c = static_cast<char>(c - 'A' + 'a');
  while (text.ends_with('\n')) text.pop_back();
  text.erase(0, std::min(text.find_first_not_of('0'), text.find_first_of(" :") - 1));
  return text;
}

void try_key_file(std::string_view text, const Change& change) {
  const auto key = parse_key(text);
  PARLEY_ASSERT(key || key.error().code == Errc::config);
  if (!key) return;
  const std::string printed = print_key(*key);
  PARLEY_ASSERT(simplest(std::string(text)) == simplest(printed));
  const auto again = parse_key(printed);
  PARLEY_ASSERT(again && again->id == key->id && again->secret_key == key->secret_key);
  PARLEY_ASSERT(again->public_key == key->public_key);
  PARLEY_ASSERT(pin_text(*key).find(printed.substr(printed.find(' ') + 1, 64)) ==
                std::string::npos);
  const std::string changed = change.of(printed);
  const auto other = parse_key(changed);
  const bool same = other && other->id == key->id && other->secret_key == key->secret_key;
  PARLEY_ASSERT(!same || simplest(changed) == simplest(printed));
}

// The gateway and the SDK each read pins; they have to agree.
void try_pin(std::string_view text, const Change& change) {
  const auto pin = parse_pin(text);
  const auto of_client = client::parse_pin(text);
  PARLEY_ASSERT(pin.has_value() == of_client.has_value());
  if (!pin) return;
  PARLEY_ASSERT(pin->id == of_client->id && pin->key == of_client->key);
  const std::string printed = pin_text({pin->id, pin->key, {}});
  PARLEY_ASSERT(simplest(std::string(text)) == simplest(printed));
  const std::string changed = change.of(printed);
  const auto other = parse_pin(changed);
  const bool same = other && other->id == pin->id && other->key == pin->key;
  PARLEY_ASSERT(!same || simplest(changed) == simplest(printed));
}

void try_token(std::string_view bytes, const Change& change) {
  const auto token = token_from(bytes);
  PARLEY_ASSERT(token.has_value() == (bytes.size() == limits::token_bytes));
  if (!token) return;
  PARLEY_ASSERT(string_of(*token) == bytes);
  const TokenHash stored = hash_of(*token);
  PARLEY_ASSERT(same(stored, hash_of(*token_from(bytes))));
  const auto other = token_from(change.of(bytes));
  PARLEY_ASSERT(other && !same(stored, hash_of(*other)));
  // Its successor: the same for the same key, another for another, and no hint of the token itself.
  const Token next = successor_of(*token, *other);
  PARLEY_ASSERT(next == successor_of(*token, *other) && next != *token && next != stored);
  PARLEY_ASSERT(next != successor_of(*token, *token) && next != successor_of(*other, *other));
}

// Who is let in with a key is not let in with a changed one.
void try_key_list(std::string_view text, const Change& change) {
  const auto list = KeyList::parse(text, "fuzz");
  if (!list || list->entries().empty()) return;
  const KeyEntry entry = list->entries()[change.place % list->entries().size()];
  PARLEY_ASSERT(list->find(change.of(entry.key)) == nullptr ||
                std::ranges::count(list->entries(), change.of(entry.key), &KeyEntry::key) == 1);
  KeyEntry changed = entry;
  changed.key = change.of(entry.key);
  const auto others = KeyList::parse(with_entry({}, changed), "fuzz");
  PARLEY_ASSERT(!others || others->find(entry.key) == nullptr);
}

void try_endpoint(std::string_view text) {
  const auto endpoint = client::parse_endpoint(text);
  PARLEY_ASSERT(endpoint || endpoint.error().code == Errc::config);
  if (!endpoint) return;
  PARLEY_ASSERT(!endpoint->host.empty() && endpoint->port != 0);
  const auto again = client::parse_endpoint(client::to_text(*endpoint));
  PARLEY_ASSERT(again && *again == *endpoint);
}

void try_redis(std::string_view text) {
  const auto address = parse_redis_url(text);
  PARLEY_ASSERT(address || address.error().code == Errc::config);
  if (!address) return;
  if (const auto* file = std::get_if<UnixAddress>(&*address)) {
    PARLEY_ASSERT(file->path.starts_with('/') && file->path.size() <= 107);
    PARLEY_ASSERT(file->path.find('\0') == std::string::npos);
    return;
  }
  const auto& tcp = std::get<TcpAddress>(*address);
  PARLEY_ASSERT(!tcp.host.empty() && tcp.port != 0);
  PARLEY_ASSERT(tcp.host.find_first_of(std::string_view("/@ \0", 4)) == std::string::npos);
}

}  // namespace
}  // namespace parley

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  [[maybe_unused]] static const bool once = (parley::init_crypto(), true);
  parley::fuzz::Input input(data, size);
  const auto which = input.number<std::uint8_t>();
  const parley::Change change{input.number<std::uint16_t>(), input.number<std::uint8_t>()};
  switch (which % 6) {
    case 0: parley::try_key_file(input.rest(), change); break;
    case 1: parley::try_pin(input.rest(), change); break;
    case 2: parley::try_token(input.rest(), change); break;
    case 3: parley::try_key_list(input.rest(), change); break;
    case 4: parley::try_endpoint(input.rest()); break;
    default: parley::try_redis(input.rest());
  }
  return 0;
}
