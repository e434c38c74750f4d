#include "cli/supervisor.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"

namespace parley {
namespace {

template <typename... F>
struct Overloaded : F... {
  using F::operator()...;
};

}  // namespace

Supervisor::Supervisor(std::vector<Child> children, Options options, Random random)
    : options_(options), random_(random) {
  PARLEY_ASSERT(!children.empty());
  for (Child& child : children) {
    last_stage_ = std::max(last_stage_, child.stage);
    slots_.push_back(Slot{.child = std::move(child)});
  }
}

void Supervisor::begin(Instant now) {
  for (std::size_t i = 0; i < slots_.size(); ++i)
    if (slots_[i].child.stage == 0) start(i, now);
  start_stage_if_due(now);
}

void Supervisor::start(std::size_t child, Instant now) {
  slots_[child].state = Starting{now + slots_[child].child.start_limit};
  actions_.push_back(Start{child});
}

void Supervisor::on_ready(std::size_t child, Instant now) {
  if (!is_starting(child) || slots_[child].child.kind == Kind::task) return;
  slots_[child].state = Running{};
  start_stage_if_due(now);
}

void Supervisor::on_exit(std::size_t child, bool ok, Instant now) {
  Slot& slot = slots_[child];
  const bool was_started = !std::holds_alternative<Waiting>(slot.state) &&
                           !std::holds_alternative<BackingOff>(slot.state) &&
                           !std::holds_alternative<Ended>(slot.state);
  PARLEY_ASSERT(was_started);
  if (stopping_) {
    slot.state = Ended{};
    if (slot.child.stage >= stage_) stop_stage(now);
  } else if (slot.child.kind == Kind::task && ok) {
    slot.state = Ended{};
    start_stage_if_due(now);
  } else {
    on_death(child, now);
  }
}

void Supervisor::on_death(std::size_t child, Instant now) {
  Slot& slot = slots_[child];
  if (!all_ready_) {
    slot.state = Ended{};
    failed_ = child;
    stop(now);
    return;
  }
  slot.deaths.push_back(now);
  while (now - slot.deaths.front() > options_.death_window) slot.deaths.pop_front();
  const bool crash_loop = slot.deaths.size() > options_.deaths_max;
  if (crash_loop) slot.deaths.pop_front();
  const auto attempt = static_cast<unsigned>(slot.deaths.size()) - 1;
  const Duration pause =
      crash_loop ? options_.crash_loop_pause
                 : backoff(attempt, options_.pause_base, options_.pause_max, random_);
  slot.state = BackingOff{now + pause};
  actions_.push_back(Died{child, pause, crash_loop});
}

bool Supervisor::stage_is_up(unsigned stage) const {
  return std::all_of(slots_.begin(), slots_.end(), [&](const Slot& slot) {
    return slot.child.stage != stage || std::holds_alternative<Running>(slot.state) ||
           std::holds_alternative<Ended>(slot.state);
  });
}

bool Supervisor::stage_has_ended(unsigned stage) const {
  return std::all_of(slots_.begin(), slots_.end(), [&](const Slot& slot) {
    return slot.child.stage != stage || std::holds_alternative<Ended>(slot.state);
  });
}

void Supervisor::start_stage_if_due(Instant now) {
  while (!all_ready_ && !stopping_ && stage_is_up(stage_)) {
    if (stage_ == last_stage_) {
      all_ready_ = true;
      actions_.push_back(AllReady{});
      return;
    }
    ++stage_;
    for (std::size_t i = 0; i < slots_.size(); ++i)
      if (slots_[i].child.stage == stage_) start(i, now);
  }
}

void Supervisor::stop(Instant now) {
  if (stopping_) return;
  stopping_ = true;
  stage_ = last_stage_;
  // What does not run now is not started any more.
  for (Slot& slot : slots_)
    if (std::holds_alternative<Waiting>(slot.state) ||
        std::holds_alternative<BackingOff>(slot.state))
      slot.state = Ended{};
  stop_stage(now);
}

void Supervisor::stop_stage(Instant now) {
  while (stage_has_ended(stage_)) {
    if (stage_ == 0) {
      if (!std::exchange(finished_, true)) actions_.push_back(Finished{failed_});
      return;
    }
    --stage_;
  }
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    Slot& slot = slots_[i];
    const bool runs = std::holds_alternative<Running>(slot.state) ||
                      std::holds_alternative<Starting>(slot.state);
    if (slot.child.stage != stage_ || !runs) continue;
    slot.state = Stopping{now + slot.child.stop_limit};
    actions_.push_back(Stop{i});
  }
}

void Supervisor::tick(Instant now) {
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    Slot& slot = slots_[i];
    const auto kill_after = [&](Instant deadline) {
      if (now < deadline) return;
      slot.state = Killed{};
      actions_.push_back(Kill{i});
    };
    const State state = slot.state;
    if (const auto* starting = std::get_if<Starting>(&state)) kill_after(starting->deadline);
    if (const auto* stopping = std::get_if<Stopping>(&state)) kill_after(stopping->deadline);
    if (const auto* pause = std::get_if<BackingOff>(&state); pause && now >= pause->until) {
      ++slot.restarts;
      start(i, now);
    }
  }
}

std::optional<Instant> Supervisor::next_deadline() const {
  std::optional<Instant> next;
  const auto at = [&](Instant deadline) { next = next ? std::min(*next, deadline) : deadline; };
  for (const Slot& slot : slots_)
    std::visit(Overloaded{[&](const Starting& s) { at(s.deadline); },
                          [&](const BackingOff& s) { at(s.until); },
                          [&](const Stopping& s) { at(s.deadline); }, [](const auto&) {}},
               slot.state);
  return next;
}

std::vector<Supervisor::Action> Supervisor::take_actions() { return std::exchange(actions_, {}); }

bool Supervisor::is_starting(std::size_t child) const {
  return std::holds_alternative<Starting>(slots_[child].state);
}

std::string_view Supervisor::state_name(std::size_t child) const {
  static constexpr std::string_view names[] = {"waiting",  "starting", "running", "backing off",
                                               "stopping", "killed",   "ended"};
  static_assert(std::size(names) == std::variant_size_v<State>);
  return names[slots_[child].state.index()];
}

}  // namespace parley
