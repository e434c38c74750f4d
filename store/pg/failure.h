// What PostgreSQL's refusals mean to us.
#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "base/error.h"

namespace parley {

struct PgFailure {
  // Five characters (PostgreSQL, appendix A); empty: the server did not answer, and what was asked
  // may have been done.
  std::string sqlstate;
  Error error;

  bool is_unique_violation() const { return sqlstate == "23505"; }
  bool is_foreign_key_violation() const { return sqlstate == "23503"; }
  // No row is at fault but the statement itself, or what this role may do: halving a batch will not
  // help.
  bool is_about_the_statement() const {
    return sqlstate.starts_with("42") || sqlstate.starts_with("0A");
  }
  bool is_lock_timeout() const { return sqlstate == "55P03"; }
  // The server undid the transaction for reasons that lie outside of it: deadlock, serialization,
  // an administrator who ended this connection. Doing the same again may well succeed.
  bool is_worth_one_retry() const {
    return sqlstate == "40P01" || sqlstate == "40001" || sqlstate == "57P01";
  }
};

template <typename T>
using PgOutcome = tl::expected<T, PgFailure>;

// storage_full: no room. internal: the statement or its data are at fault and always will be.
// retry_later: everything else, the server's state at this moment.
Errc errc_from_sqlstate(std::string_view sqlstate);

// `severity` as the server says it, in English. FATAL and PANIC end the session whatever it was
// doing, so they say nothing about the statement: retry_later, and it may have been done.
PgFailure pg_failure(std::string_view sqlstate, std::string detail,
                     std::string_view severity = "ERROR");

inline tl::unexpected<Error> refusal(const PgFailure& failure) {
  return tl::unexpected<Error>(failure.error);
}

}  // namespace parley
