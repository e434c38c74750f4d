// An open channel whose peer does anything, also what only the holder of the keys can do. Input: a list of
// what the peer does, each with bytes. The channel is compared with a model that is three sentences: what
// is sealed in turn opens to the frame that it is; a rekey changes the key; after a failure all fails.
#include <vector>

#include "proto/channel.h"
#include "proto/limits.h"
#include "proto/noise.h"
#include "tests/fuzz/fuzz.h"

namespace parley {
namespace {

class Model {
 public:
  Model() : ours_({.send = key_of(2), .receive = key_of(1)}, Instant{}), key_(key_of(1)) {}

  void step(fuzz::Input& input) {
    const auto what = input.number<std::uint8_t>();
    const std::string bytes(input.take(input.number<std::uint16_t>() % 512));
    switch (what % 5) {
      case 0: give_raw(bytes); break;
      case 1: give_sealed(bytes); break;
      case 2: give_rekey(); break;
      case 3: repeat_last(); break;
      case 4: speak(bytes); break;
    }
  }

 private:
  static noise::Key key_of(std::uint8_t fill) {
    noise::Key key{};
    key.fill(fill);
    return key;
  }

  std::string sealed(std::string bytes) {
    char tag[noise::tag_bytes];
    noise::seal(key_, nonce_, bytes, tag);
    return bytes.append(tag, sizeof tag);
  }

  void give_raw(std::string bytes) { expect_refused(ours_.open(bytes)); }

  void give_sealed(const std::string& plain) {
    std::string record = last_ = sealed(plain);
    const auto expected = decode_frame(plain);
    const auto opened = ours_.open(record);
    const bool is_rekey = expected && expected->header.kind == FrameKind::rekey;
    const bool good = is_rekey ? plain == rekey_frame() : expected.has_value();
    if (broken_ || !good) return expect_refused(opened);
    PARLEY_ASSERT(opened);
    ++nonce_;
    if (is_rekey) {
      PARLEY_ASSERT(!*opened);
      noise::rekey(key_);
    } else {
      PARLEY_ASSERT(*opened && (*opened)->header == expected->header);
      PARLEY_ASSERT((*opened)->body == expected->body);
    }
  }

  void give_rekey() { give_sealed(rekey_frame()); }
  void repeat_last() { give_raw(last_); }

  // Whatever has happened to what we receive, what we send opens at the other end.
  void speak(const std::string& body) {
    std::string out;
    ours_.seal({.kind = FrameKind::notice, .verb = 0x0281}, body, out, Instant{});
    const auto length = record_length(out, limits::record_max);
    PARLEY_ASSERT(length && *length == out.size() - limits::record_prefix_bytes);
    const auto frame = peer_.open(std::span(out).subspan(limits::record_prefix_bytes));
    PARLEY_ASSERT(frame && *frame && (*frame)->body == body);
  }

  void expect_refused(const Result<std::optional<Frame>>& opened) {
    PARLEY_ASSERT(!opened && opened.error().code == Errc::bad_frame);
    broken_ = true;
  }

  static std::string rekey_frame() {
    std::string bytes;
    encode({.kind = FrameKind::rekey}, bytes);
    return bytes;
  }

  Channel ours_;
  Channel peer_{{.send = key_of(9), .receive = key_of(2)}, Instant{}};
  noise::Key key_;
  std::uint64_t nonce_ = 0;
  std::string last_;
  bool broken_ = false;
};

}  // namespace
}  // namespace parley

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const bool ready = (parley::init_crypto(), true);
  PARLEY_ASSERT(ready);
  parley::fuzz::Input input(data, size);
  parley::Model model;
  while (!input.empty()) model.step(input);
  return 0;
}
