// The gateway's splitter gives the same records wherever the stream is cut.
#include "gateway/inbox.h"
#include "tests/fuzz/splitting.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return parley::fuzz::check_splitter<parley::Inbox>(data, size);
}
