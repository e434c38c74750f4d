// All the ways in which a request's body can be bad, made from a good one and the schema of its message. Pure.
#pragma once

#include <string>
#include <vector>

#include "tests/e2e/bad_input/schema.h"

namespace parley::test {

// What the server has to make of it.
enum class Expected {
  reply,        // what it makes of the good one
  bad_request,
  too_large,
  as_missing,   // what it makes of a body without the field
  as_greatest,  // what it makes of the field's greatest value
  definite      // a reply or any final error of the documented ones: the value decides
};

struct Mutation {
  std::string name;   // "device.id: wire type 2"
  std::string field;  // "Device.id"; empty: not about one field
  std::string body;
  Expected expected = Expected::reply;
};

// `list_max`: of its repeated fields. `body_max`: of the verb.
std::vector<Mutation> mutations_of(const std::string& message, const std::string& good,
                                   std::size_t list_max, std::size_t body_max);

}  // namespace parley::test
