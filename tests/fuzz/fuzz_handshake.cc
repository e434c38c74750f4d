// Either side of the handshake with an attacker on the other end or in between. Input: what to do, then
// bytes. Nothing but the honest bytes is ever accepted.
#include "proto/channel.h"
#include "tests/fuzz/fuzz.h"

namespace parley {
namespace {

SecretKey key_of(std::uint8_t fill) {
  SecretKey key{};
  key.fill(fill);
  return key;
}

ServerKey server_key() {
  init_crypto();
  return {.id = 7, .public_key = public_key_of(key_of(1)), .secret_key = key_of(1)};
}

struct World {
  Initiator initiator() const {
    return Initiator::start({server.id, server.public_key}, Transport::tcp, key_of(2)).value();
  }
  Result<Accepted> accept(std::string_view bytes) const {
    return accept_hello(bytes, {&server, 1}, Transport::tcp, key_of(3), Instant{});
  }
  const ServerKey server = server_key();
  const std::string hello = initiator().hello();
  const std::string answer = accept(hello)->answer;
};

// The honest bytes, changed by exclusive or where the input has bytes.
std::string changed(std::string honest, std::string_view mask) {
  for (std::size_t i = 0; i < std::min(honest.size(), mask.size()); ++i)
    honest[i] = static_cast<char>(honest[i] ^ mask[i]);
  return honest;
}

// Exactly `size` bytes of the input, zeros after its end.
std::string filled(std::string_view bytes, std::size_t size) {
  std::string all(bytes.substr(0, size));
  all.resize(size);
  return all;
}

void try_hello(const World& world, const std::string& hello) {
  const auto accepted = world.accept(hello);
  PARLEY_ASSERT(accepted.has_value() == (hello == world.hello));
  if (!accepted) PARLEY_ASSERT(accepted.error().code == Errc::bad_frame);
}

void try_answer(const World& world, const std::string& answer) {
  const auto channel = world.initiator().finish(answer, Instant{});
  PARLEY_ASSERT(channel.has_value() == (answer == world.answer));
  if (!channel) PARLEY_ASSERT(channel.error().code == Errc::bad_frame);
}

}  // namespace
}  // namespace parley

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace parley;
  static const World world;
  fuzz::Input input(data, size);
  switch (input.number<std::uint8_t>() % 4) {
    case 0: try_hello(world, filled(input.rest(), hello_bytes)); break;
    case 1: try_hello(world, changed(world.hello, input.rest())); break;
    case 2: try_answer(world, filled(input.rest(), answer_bytes)); break;
    case 3: try_answer(world, changed(world.answer, input.rest())); break;
  }
  return 0;
}
