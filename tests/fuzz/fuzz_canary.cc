// A splitter with the classic defect, under the same check: it forgets a prefix of which only the first
// byte has arrived. If this is not found, the fuzzing finds nothing.
#include "tests/fuzz/splitting.h"

namespace parley {
namespace {

class ForgetfulSplitter {
 public:
  void receive(std::span<char> piece) {
    if (buffer_.size() == 1) buffer_.clear();
    buffer_.append(piece.data(), piece.size());
  }
  Result<std::optional<std::span<char>>> take_record(std::size_t max) {
    PARLEY_TRY(const auto length, record_length(buffer_, max));
    if (!length || buffer_.size() < limits::record_prefix_bytes + *length) return std::nullopt;
    taken_ = buffer_.substr(limits::record_prefix_bytes, *length);
    buffer_.erase(0, limits::record_prefix_bytes + *length);
    return std::span<char>(taken_);
  }

 private:
  std::string buffer_;
  std::string taken_;
};

}  // namespace
}  // namespace parley

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return parley::fuzz::check_splitter<parley::ForgetfulSplitter>(data, size);
}
