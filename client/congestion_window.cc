#include "client/congestion_window.h"

#include <algorithm>

#include "base/assert.h"

namespace parley::client {

CongestionWindow::CongestionWindow(std::size_t max) : max_(max), size_(max) {
  PARLEY_ASSERT(max >= 1);
}

CongestionWindow::Ticket CongestionWindow::sent() {
  ++unanswered_;
  return ++last_sent_;
}

void CongestionWindow::taken(Ticket ticket) {
  ended();
  if (ticket <= sent_unknowing_ || size_ == max_ || ++taken_ < size_) return;
  ++size_;
  taken_ = 0;
}

void CongestionWindow::failed(Ticket ticket, Errc code) {
  ended();
  if (code != Errc::retry_later || ticket <= sent_unknowing_) return;
  size_ = std::max<std::size_t>(1, size_ / 2);
  taken_ = 0;
  sent_unknowing_ = last_sent_;
}

void CongestionWindow::ended() {
  PARLEY_ASSERT(unanswered_ > 0);
  --unanswered_;
}

}  // namespace parley::client
