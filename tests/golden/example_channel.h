// The handshake of the worked example in proto/README.md: keys that count up, so that every byte repeats.
#pragma once

#include "proto/channel.h"

namespace parley::test {

// `first`, first + 1, … first + 31.
inline SecretKey counting_key(std::uint8_t first) {
  SecretKey key{};
  for (std::size_t i = 0; i < key.size(); ++i) key[i] = static_cast<std::uint8_t>(first + i);
  return key;
}

inline const SecretKey example_server_secret = counting_key(0x00);
inline const SecretKey example_client_ephemeral = counting_key(0x20);
inline const SecretKey example_server_ephemeral = counting_key(0x40);
inline constexpr std::uint16_t example_key_id = 1;

inline ServerKey example_server_key() {
  return {.id = example_key_id,
          .public_key = public_key_of(example_server_secret),
          .secret_key = example_server_secret};
}

struct ExampleHandshake {
  std::string hello;
  std::string answer;
  Channel client;
  Channel server;
};

inline ExampleHandshake example_handshake() {
  init_crypto();
  const ServerKey key = example_server_key();
  auto initiator =
      Initiator::start({key.id, key.public_key}, Transport::tcp, example_client_ephemeral).value();
  auto accepted = accept_hello(initiator.hello(), {&key, 1}, Transport::tcp,
                               example_server_ephemeral, Instant{});
  auto client = initiator.finish(accepted->answer, Instant{});
  return {initiator.hello(), accepted->answer, std::move(*client), std::move(accepted->channel)};
}

}  // namespace parley::test
