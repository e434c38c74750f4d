#include "bus/poison.h"

#include <algorithm>
#include <utility>

namespace parley {

const ParkedRequest& Poison::add(ParkedRequest request) {
  request.ticket = ++last_ticket_;
  bytes_ += request.bytes.size();
  requests_.push_back(std::move(request));
  while (requests_.size() > 1 && (requests_.size() > requests_max_ || bytes_ > bytes_max_)) {
    bytes_ -= requests_.front().bytes.size();
    requests_.pop_front();
  }
  return requests_.back();
}

const ParkedRequest* Poison::find(std::uint64_t ticket) const {
  const auto found = std::ranges::find(requests_, ticket, &ParkedRequest::ticket);
  return found == requests_.end() ? nullptr : &*found;
}

bool Poison::drop(std::uint64_t ticket) {
  const auto found = std::ranges::find(requests_, ticket, &ParkedRequest::ticket);
  if (found == requests_.end()) return false;
  bytes_ -= found->bytes.size();
  requests_.erase(found);
  return true;
}

}  // namespace parley
