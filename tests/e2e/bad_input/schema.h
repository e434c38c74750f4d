// What the .proto files say, as data: tests of bad input go through every field that there is, also one that is added
// tomorrow.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "proto/verbs.h"

namespace parley::test {

enum class FieldKind { integer, small_integer, flag, enumeration, fixed64, text, bytes, message };

struct SchemaField {
  std::string name;
  std::uint32_t number = 0;
  FieldKind kind = FieldKind::integer;
  bool repeated = false;
  std::string message;  // of which message it is one
};

// By the name of the message, without its package.
using Schema = std::map<std::string, std::vector<SchemaField>>;
const Schema& schema();

// The request message of each verb, as the tables of proto/README.md name it. Verbs whose body is none of our
// business are not in it.
const std::map<Verb, std::string>& request_messages();

}  // namespace parley::test
