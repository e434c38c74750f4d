// Which brokers an operator's command asks.
#pragma once

#include <string>
#include <vector>

#include "bus/admin_client.h"

namespace parley {

struct OperatorOptions {
  std::string data;                  // --data, of `parley up`; or
  std::vector<std::string> brokers;  // --broker: endpoints (bus/endpoint.h) of their gateways' side
  std::string key_file;              // --key: our pair of keys, for encrypted ones
};

// not_found: nothing runs in the data directory. bad_request: its up.json is not ours. config: an endpoint
// or the key cannot be used.
Result<Endpoints> brokers_of(const OperatorOptions& options);

// "parley COMMAND: …" on stderr; the exit code.
int complain(const char* command, const Error& error);

}  // namespace parley
