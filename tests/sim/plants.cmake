# Bugs that the simulator must find within 500 seeds: sim_plant(NAME FILE FROM TO).

# A dead worker's requests are forgotten instead of given to others.
sim_plant(forget_requeue dispatcher_moves.cc
  [[const std::size_t outstanding = moved.size();]]
  [[for (const SlabIndex at : moved) {
    take_out(at);
    forget(at);
  }
  moved.clear();
  constexpr std::size_t outstanding = 0;]])

# A gateway takes an answer that nobody waits for any more.
sim_plant(accept_late_reply publisher_core.cc
  [[    ++counters_.late_replies;
    return false;]]
  [[    ++counters_.late_replies;
    return is_ours;]])

# A broker takes the answer of a worker that the request was taken from.
sim_plant(accept_zombie_reply dispatcher.cc
  [[lanes_[requests_[at].lane].worker != &peer]]
  [[lanes_[requests_[at].lane].worker == nullptr]])

# A worker answers over a connection that knows nothing of the request.
sim_plant(answer_former_registration consumer_core.cc
  [[if (!link.registered || request.via_epoch != link.epoch) return false;]]
  [[if (!link.registered) return false;]])

# What a dead broker had is published again in the wrong order.
sim_plant(republish_backwards publisher_core.cc
  [[for (const SlabIndex at : moved) place(at, now);]]
  [[for (auto at = moved.rbegin(); at != moved.rend(); ++at) place(*at, now);]])

# A worker gets one request more than it granted.
sim_plant(exceed_credit dispatcher.cc
  [[worker.held_messages >= worker.credit_messages]]
  [[worker.held_messages > worker.credit_messages]])

# A slow worker's credit comes back before its answer.
sim_plant(return_credit_early dispatcher_moves.cc
  [[  ++worker.held_messages;
  worker.held_bytes += bytes;]]
  [[  static_cast<void>(bytes);]])

# An answer that arrives twice gives its credit back twice.
sim_plant(return_credit_twice dispatcher.cc
  [[if (ghost == worker.ghosts.end()) return false;]]
  [[if (ghost == worker.ghosts.end()) {
    if (worker.held_messages > 0) --worker.held_messages;
    return false;
  }]])

# A slow worker's requests of a key are given to the next in the wrong order.
sim_plant(move_backwards dispatcher_moves.cc
  [[  for (const SlabIndex at : moved)
    if (!forget_if_abandoned(at)) place(at);]]
  [[  for (auto at = moved.rbegin(); at != moved.rend(); ++at)
    if (!forget_if_abandoned(*at)) place(*at);]])

# A worker whose registration may have been heard comes back from the same address: what it was sent is lost.
sim_plant(come_back_unnoticed connection_core.cc
  [[  needs_socket_ = true;
  return Change::down;]]
  [[  return Change::none;]])
