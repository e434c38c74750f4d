// An offered load that does not care what becomes of it: so many messages per second are meant to be
// sent by patient clients (patient_client.h), in steps of different rates, and every one is
// accounted for.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "perf/load/patient_client.h"
#include "perf/load/verify.h"

namespace parley::perf {

struct OverloadOptions {
  std::string gateway;
  std::string pin;
  std::string database;
  unsigned pairs = 128;
  std::size_t window = 128;
  std::size_t outbox_max = 64;
  Duration deadline = 5s;
};

class Overload {
 public:
  // Makes the users, connects and logs them in.
  static Result<std::unique_ptr<Overload>> connect(const OverloadOptions& options);
  ~Overload();

  // Offers `rate` messages per second for `length` and returns what happened meanwhile. `each_second`
  // hears of every second.
  using EachSecond = std::function<void(const PatientCounts&)>;
  PatientCounts offer(double rate, Duration length, const EachSecond& each_second = {});
  // Offers nothing more, lets everything end, and compares with the database. disconnected: a
  // connection was lost; io: something is still unanswered after 20 s, or a message that was
  // acknowledged is not in the database, or anything is there twice.
  Result<RowCounts> finish();

 private:
  struct Impl;
  explicit Overload(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace parley::perf
