#include "bus/curve.h"

#include <zmq.h>

#include <algorithm>
#include <array>
#include <cstdint>

#include "base/assert.h"
#include "base/config.h"

namespace parley {
namespace {

using Z85 = std::array<char, curve_key_chars + 1>;  // with its final zero

// Printed in ZeroMQ's manual and copied from there into many programs.
constexpr std::array<std::string_view, 2> published_secrets{
    "D:)Q[IlAW!ahhC2ac:9*A}h:p?([4%wOTJ%JR%cs", "JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6"};

}  // namespace

CurveKeyPair make_curve_key_pair() {
  Z85 public_key{};
  Z85 secret_key{};
  do {
    PARLEY_ASSERT(zmq_curve_keypair(public_key.data(), secret_key.data()) == 0);
  } while (public_key.front() == '-');
  return {public_key.data(), secret_key.data()};
}

bool is_curve_key(std::string_view text) {
  std::array<std::uint8_t, curve_key_bytes> bytes{};
  return text.size() == curve_key_chars && text.find('\0') == text.npos &&
         zmq_z85_decode(bytes.data(), std::string(text).c_str()) != nullptr;
}

std::string to_z85(std::string_view key_bytes) {
  PARLEY_ASSERT(key_bytes.size() == curve_key_bytes);
  Z85 text{};
  zmq_z85_encode(text.data(), reinterpret_cast<const std::uint8_t*>(key_bytes.data()),
                 key_bytes.size());
  return text.data();
}

std::string_view fingerprint(std::string_view public_key) { return public_key.substr(0, 8); }

std::string print_key_pair(const CurveKeyPair& pair) {
  return pair.public_key + " " + pair.secret_key + "\n";
}

Result<CurveKeyPair> parse_key_pair(std::string_view text) {
  while (text.ends_with('\n')) text.remove_suffix(1);
  const std::size_t space = text.find(' ');
  const std::string_view public_key = text.substr(0, space);
  const std::string_view secret_key = space == text.npos ? "" : text.substr(space + 1);
  if (!is_curve_key(public_key) || !is_curve_key(secret_key))
    return fail(Errc::config, "a pair is \"<public key> <secret key>\", 40 characters each");
  if (std::ranges::find(published_secrets, secret_key) != published_secrets.end())
    return fail(Errc::config, "an example is no secret: make a new pair (parley key bus)");
  Z85 derived{};
  if (zmq_curve_public(derived.data(), std::string(secret_key).c_str()) != 0 ||
      public_key != derived.data())
    return fail(Errc::config, "the public key is not that of the secret key");
  return CurveKeyPair{std::string(public_key), std::string(secret_key)};
}

Result<CurveKeyPair> load_key_pair(const std::string& path) {
  PARLEY_TRY(const std::string text, read_secret_file(path));
  auto pair = parse_key_pair(text);
  if (!pair) return fail(Errc::config, path + ": " + pair.error().detail);
  return pair;
}

Result<CurveKeyPair> create_key_pair(const std::string& path) {
  CurveKeyPair pair = make_curve_key_pair();
  PARLEY_CHECK(create_secret_file(path, print_key_pair(pair)));
  return pair;
}

}  // namespace parley
