// Verbs, notices, services and errors with their numbers are what numbers.txt says: on the wire they are
// never changed or reused.
#include <gtest/gtest.h>

#include <cstdio>
#include <sstream>

#include "base/error.h"
#include "proto/verbs.h"
#include "tests/golden/samples.h"

namespace parley {
namespace {

std::string number_text(unsigned number) {
  char text[8];
  std::snprintf(text, sizeof text, "0x%04x", number);
  return text;
}

std::string numbers() {
  std::ostringstream out;
#define PARLEY_SERVICE(name, number) out << "service " #name " " #number "\n";
#include "proto/services.def"
#undef PARLEY_SERVICE
#define PARLEY_VERB(service, name, number, caller, key, body_max)                       \
  out << "verb " #service "." #name " " << number_text(number) << " " #caller " " #key " " \
      << body_max << "\n";
#include "proto/verbs.def"
#undef PARLEY_VERB
#define PARLEY_NOTICE(service, name, number, receiver) \
  out << "notice " #service "." #name " " << number_text(number) << " " #receiver "\n";
#include "proto/notices.def"
#undef PARLEY_NOTICE
#define PARLEY_ERROR(name, number, retryable, text) \
  out << "error " #name " " #number << (retryable ? " retryable" : " final") << "\n";
#include "base/error.def"
#undef PARLEY_ERROR
  return out.str();
}

TEST(GoldenNumbers, OfServicesVerbsNoticesAndErrors) {
  EXPECT_EQ(numbers(), test::source_file("tests/golden/numbers.txt"));
}

}  // namespace
}  // namespace parley
