// Tells the server how far this user has received and read one conversation: cumulative, at most one report in
// flight, at most one per `every`, the first at once. Pure.
#pragma once

#include <optional>

#include "base/clock.h"
#include "client/message.h"

namespace parley::client {

class CursorReport {
 public:
  explicit CursorReport(Duration every) : every_(every) {}

  // We have come this far; going back is ignored.
  void want(const Cursors& cursors) { wanted_ = Cursors::furthest(wanted_, cursors); }
  // The server has us here already (another device may have been quicker).
  void server_has(const Cursors& cursors);
  const Cursors& wanted() const { return wanted_; }

  // The report to be sent now, in flight from then on: exactly one of the three below follows.
  std::optional<Cursors> take_due(Instant now);
  void answered(const Cursors& server_has_now);
  // Not answered, or refused: again after `pause`.
  void failed(Instant now, Duration pause);
  void disconnected();

  // When take_due may have something; nothing: not before want() or server_has() is called.
  std::optional<Instant> next_due() const;

 private:
  bool is_behind() const { return Cursors::furthest(reported_, wanted_) != reported_; }

  Duration every_;
  Cursors wanted_;
  Cursors reported_;
  std::optional<Cursors> in_flight_;
  Instant not_before_{};
};

}  // namespace parley::client
