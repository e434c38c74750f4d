// Stands for PostgreSQL: a round trip takes time, now and then long; it applies each request id once, however
// often it is asked; it may refuse, or commit and lose the reply. A round trip that has begun goes on
// whatever becomes of the worker that waits for it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>

#include "tests/sim/judge.h"
#include "tests/sim/options.h"

namespace parley::sim {

class StoreModel {
 public:
  enum class Fate { commits, aborts, commits_in_doubt };
  struct RoundTrip {
    Fate fate;
    std::function<void(Fate)> at_commit;  // calls apply()
  };

  StoreModel(Universe& universe, const WorldOptions& options, Judge& judge)
      : universe_(universe), options_(options), judge_(judge) {}

  // `at_commit` is called at the moment of the commit (or refusal).
  void begin(std::function<void(Fate)> at_commit);
  void apply(const RequestId& id) { judge_.on_applied(id); }

  // Round trips that begin now take so much longer.
  void be_slow(Duration longer) { slowness_ = longer; }
  // Fast again, also those that have begun.
  void heal();

 private:
  Fate draw_fate();
  void finish(std::uint64_t number);

  Universe& universe_;
  const WorldOptions& options_;
  Judge& judge_;
  Duration slowness_{};
  bool healed_ = false;
  std::uint64_t last_number_ = 0;
  std::map<std::uint64_t, RoundTrip> begun_;
};

}  // namespace parley::sim
