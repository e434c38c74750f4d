// What else a broker and its peers read: batches, allow-lists, ZeroMQ's questions about keys,
// endpoints. Input: which of them, then its bytes.
#include <algorithm>
#include <vector>

#include "bus/batch.h"
#include "bus/endpoint.h"
#include "bus/key_list.h"
#include "bus/zap.h"
#include "tests/fuzz/fuzz.h"

namespace parley {
namespace {

// The pieces of a whole batch make the same pieces again, in messages that are whole; a broken one
// has no pieces that it does not contain.
void try_batch(std::string_view message) {
  std::vector<std::string> pieces;
  std::size_t bytes = 0;
  const bool whole = unpack(message, [&](std::string_view piece) {
    PARLEY_ASSERT(piece.size() <= message.size() && !is_batch(piece));
    bytes += piece.size();
    pieces.emplace_back(piece);
  });
  PARLEY_ASSERT(bytes <= message.size());
  const auto is_envelope = [](const std::string& piece) {
    return decode_envelope(piece).has_value();
  };
  if (!whole || pieces.empty() || !std::ranges::all_of(pieces, is_envelope)) return;
  std::vector<std::string> again;
  std::string batch;
  for (auto next = pieces.begin(); next != pieces.end();) {
    const std::string_view packed = pack(next, pieces.end(), batch);
    PARLEY_ASSERT(packed.size() <= std::max(batch_bytes, message.size()));
    PARLEY_ASSERT(unpack(packed, [&](std::string_view piece) { again.emplace_back(piece); }));
  }
  PARLEY_ASSERT(again == pieces);
}

// A list that is accepted finds each of its keys and no other, says the same when it is written
// anew, and forgets exactly the key that is taken out.
void try_key_list(std::string_view text) {
  const auto list = KeyList::parse(text, "fuzz");
  if (!list) {
    PARLEY_ASSERT(list.error().detail.starts_with("fuzz:"));
    return;
  }
  std::string written;
  for (const KeyEntry& entry : list->entries()) {
    const Principal* who = list->find(entry.key);
    PARLEY_ASSERT(is_curve_key(entry.key) && who != nullptr);
    PARLEY_ASSERT(who->names == entry.names && who->roles == Roles{entry.role});
    written = with_entry(written, entry);
  }
  const auto again = KeyList::parse(written, "fuzz");
  PARLEY_ASSERT(again && again->entries() == list->entries());
  PARLEY_ASSERT(list->find({}) == nullptr);
  if (list->entries().empty()) return;
  const std::string gone = list->entries().front().key;
  const auto rest = KeyList::parse(without_key(text, gone), "fuzz");
  PARLEY_ASSERT(rest && rest->find(gone) == nullptr);
  PARLEY_ASSERT(rest->entries().size() + 1 == list->entries().size());
}

// Whatever is asked, the answer has the question's id, and only our own domain's keys are let in.
void try_zap(fuzz::Input input) {
  std::vector<std::string> frames;
  while (!input.empty() && frames.size() < 20)
    frames.emplace_back(input.take(input.number<std::uint8_t>()));
  const auto request = parse_zap_request(frames);
  if (!request) {
    const auto reply = zap_reply_to_malformed(frames);
    PARLEY_ASSERT(reply.empty() == (frames.size() < 2));
    PARLEY_ASSERT(reply.empty() || (reply[1] == frames[1] && reply[2] == "500"));
    return;
  }
  PARLEY_ASSERT(frames[2] == zap_domain && is_curve_key(request->key));
  PARLEY_ASSERT(zap_reply(*request, ZapAnswer::admitted)[2] == "200");
  PARLEY_ASSERT(zap_reply(*request, ZapAnswer::refused)[2] == "400");
  PARLEY_ASSERT(zap_reply(*request, ZapAnswer::refused)[1] == frames[1]);
}

// No tcp:// without keys, unless that is allowed.
void try_endpoint(std::string_view text) {
  static const CurveKeyPair own = make_curve_key_pair();
  const auto strict = parse_bus_endpoint(text, own, PlainTcp::refused);
  const bool is_safe = !strict || strict->curve || strict->address.starts_with("ipc://");
  PARLEY_ASSERT(is_safe);
  if (strict && strict->curve) PARLEY_ASSERT(is_curve_key(strict->curve->server_key));
  const auto keyless = parse_bus_endpoint(text, std::nullopt, PlainTcp::refused);
  PARLEY_ASSERT(!keyless || keyless->address.starts_with("ipc://"));
}

void try_key_pair(std::string_view text) {
  const auto pair = parse_key_pair(text);
  if (!pair) return;
  const auto again = parse_key_pair(print_key_pair(*pair));
  PARLEY_ASSERT(is_curve_key(pair->public_key) && again && *again == *pair);
}

}  // namespace
}  // namespace parley

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  parley::fuzz::Input input(data, size);
  switch (input.number<std::uint8_t>() % 5) {
    case 0: parley::try_batch(input.rest()); break;
    case 1: parley::try_key_list(input.rest()); break;
    case 2: parley::try_zap(input); break;
    case 3: parley::try_endpoint(input.rest()); break;
    default: parley::try_key_pair(input.rest()); break;
  }
  return 0;
}
