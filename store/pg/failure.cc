#include "store/pg/failure.h"

#include <algorithm>
#include <array>

namespace parley {

Errc errc_from_sqlstate(std::string_view sqlstate) {
  if (sqlstate == "53100") return Errc::storage_full;
  // Classes: feature, cardinality, data, integrity, access rule or syntax, check option, a
  // program's limit, raised by a trigger, internal.
  constexpr std::array<std::string_view, 9> our_fault{"0A", "21", "22", "23", "42",
                                                      "44", "54", "P0", "XX"};
  const bool is_ours = std::ranges::find(our_fault, sqlstate.substr(0, 2)) != our_fault.end();
  return is_ours ? Errc::internal : Errc::retry_later;
}

PgFailure pg_failure(std::string_view sqlstate, std::string detail, std::string_view severity) {
  const bool session_ended = severity == "FATAL" || severity == "PANIC";
  const Errc code = session_ended ? Errc::retry_later : errc_from_sqlstate(sqlstate);
  while (!detail.empty() && detail.back() == '\n') detail.pop_back();
  return {std::string(sqlstate), Error{code, "postgres " + std::string(sqlstate) + ": " + detail}};
}

}  // namespace parley
