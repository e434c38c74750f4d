// Frame, envelope and delivery: what decodes encodes to the same bytes again; nothing else is accepted.
// Input: which decoder, then its bytes.
#include "proto/delivery.h"
#include "proto/envelope.h"
#include "proto/frame.h"
#include "tests/fuzz/fuzz.h"

namespace parley {
namespace {

void try_frame(std::string_view bytes) {
  const auto frame = decode_frame(bytes);
  if (!frame) return;
  std::string again;
  encode(frame->header, again);
  PARLEY_ASSERT(again.append(frame->body) == bytes);
}

void try_envelope(std::string_view bytes) {
  const auto envelope = decode_envelope(bytes);
  if (!envelope) return;
  PARLEY_ASSERT(encode(envelope->header, envelope->body) == bytes);
  std::string changed(bytes);
  set_attempt(changed, 3);
  set_ttl_ms(changed, 7);
  EnvelopeHeader expected = envelope->header;
  expected.attempt = 3;
  expected.ttl_ms = 7;
  PARLEY_ASSERT(decode_envelope(changed)->header == expected);
}

void try_deliveries(std::string_view bytes) {
  const auto causes = causes_of(bytes);
  PARLEY_ASSERT(causes.size() <= causes_max && causes.size() * 8 <= bytes.size());
  const auto items = decode_deliveries(bytes);
  if (!items) return;
  std::string again;
  for (const DeliveryItem& item : *items) append_delivery(item, again);
  PARLEY_ASSERT(again == bytes);
}

}  // namespace
}  // namespace parley

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  parley::fuzz::Input input(data, size);
  switch (input.number<std::uint8_t>() % 3) {
    case 0: parley::try_frame(input.rest()); break;
    case 1: parley::try_envelope(input.rest()); break;
    case 2: parley::try_deliveries(input.rest()); break;
  }
  return 0;
}
