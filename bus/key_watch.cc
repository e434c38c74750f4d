#include "bus/key_watch.h"

namespace parley {

KeyWatch::Outcome KeyWatch::look(Result<std::string> found, Settling settling) {
  // A file that cannot be read is a state of its own, told apart from every text by its first byte.
  std::string text = found ? *std::move(found) : '\0' + found.error().detail;
  const bool settled = settling == Settling::skipped || text == seen_;
  seen_ = std::move(text);
  if (!settled || seen_ == taken_) return Outcome::nothing;
  taken_ = seen_;
  auto list = taken_.starts_with('\0') ? fail(Errc::config, taken_.substr(1))
                                       : KeyList::parse(taken_, path_);
  if (!list) {
    error_ = list.error().detail;
    return Outcome::broken;
  }
  list_ = *std::move(list);
  return Outcome::changed;
}

}  // namespace parley
