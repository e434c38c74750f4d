// A thread that takes everything that is waiting for it, up to a limit, as one batch. No timer
// gathers a batch: while one is worked on, the next one gathers by itself, so an idle system
// answers at once and a busy one in large batches.
//
// submit(), take_results(), backlog(), idle() and the destructor belong to one thread (the loop's);
// the work runs on the thread of this object. Between them are two mailboxes and nothing else. They
// have no bound of their own: what is submitted is bounded by its source, which each user of this
// class names (for requests: the credit that the worker granted its brokers).
//
// Requires: bytes_of(const In&), found beside In, what an item counts against batch_bytes_max.
#pragma once

#include <atomic>
#include <functional>
#include <iterator>
#include <thread>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "workers/mailbox.h"

namespace parley {

template <typename In, typename Out>
class BatchThread {
 public:
  // What the work may do beside its work.
  class Reporter {
   public:
    // Hands a result to take_results() and wakes the owner. Any number per batch.
    void emit(Out out) {
      owner_.results_.put(std::move(out));
      owner_.options_.wake();
    }
    // Says that the work goes on: resets busy_for().
    void progress() { owner_.busy_since_.store(now_ns(), std::memory_order_relaxed); }

   private:
    friend class BatchThread;
    explicit Reporter(BatchThread& owner) : owner_(owner) {}
    BatchThread& owner_;
  };
  using Work = std::function<void(std::vector<In>& batch, Reporter& reporter)>;

  struct Options {
    std::size_t batch_max = 512;
    std::size_t batch_bytes_max = 4 << 20;
    // Called on the thread after each result: makes the owner call take_results() soon.
    // Thread-safe.
    std::function<void()> wake = {};
  };

  BatchThread(Options options, Work work)
      : options_(std::move(options)), work_(std::move(work)), thread_([this] { run(); }) {}

  // Finishes what was submitted, then ends the thread; results that nobody takes are dropped.
  ~BatchThread() {
    waiting_.put({.items = {}, .last = true});
    thread_.join();
  }
  BatchThread(const BatchThread&) = delete;
  BatchThread& operator=(const BatchThread&) = delete;

  // Items submitted together are seen together, up to the limits.
  void submit(std::vector<In> items) {
    for (const In& item : items) submitted_bytes_ += bytes_of(item);
    submitted_ += items.size();
    waiting_.put({.items = std::move(items), .last = false});
  }

  std::vector<Out> take_results() { return results_.take_all(); }

  // Items submitted and not worked off yet; their bytes; whether nothing is left, not even a
  // result.
  std::size_t backlog() const { return submitted_ - done_.load(std::memory_order_acquire); }
  std::size_t backlog_bytes() const {
    return submitted_bytes_ - done_bytes_.load(std::memory_order_acquire);
  }
  bool idle() const { return backlog() == 0 && results_.empty(); }

  // How long it has worked without progress; 0 when it waits for work. Any thread.
  Duration busy_for(Instant now) const {
    const std::int64_t since = busy_since_.load(std::memory_order_relaxed);
    return since == 0 ? Duration::zero() : now.time_since_epoch() - Duration(since);
  }

 private:
  struct Submission {
    std::vector<In> items;
    bool last;
  };

  static std::int64_t now_ns() { return monotonic_now().time_since_epoch().count(); }

  void run() {
    Reporter reporter(*this);
    bool last = false;
    while (!last || !pending_.empty()) {
      if (pending_.empty()) waiting_.wait();
      last = gather() || last;
      if (!pending_.empty()) work_off(reporter);
    }
  }

  // Moves what is waiting to `pending_`; whether the end was among it.
  bool gather() {
    bool last = false;
    for (Submission& submission : waiting_.take_all()) {
      last = submission.last;
      if (pending_.empty()) {
        pending_ = std::move(submission.items);
      } else {
        std::move(submission.items.begin(), submission.items.end(), std::back_inserter(pending_));
      }
    }
    return last;
  }

  void work_off(Reporter& reporter) {
    std::vector<In> batch = next_batch();
    const std::size_t size = batch.size();
    std::size_t bytes = 0;
    for (const In& item : batch) bytes += bytes_of(item);
    reporter.progress();
    work_(batch, reporter);
    busy_since_.store(0, std::memory_order_relaxed);
    done_bytes_.fetch_add(bytes, std::memory_order_release);
    done_.fetch_add(size, std::memory_order_release);
    // After the count: an owner that waits for an empty backlog must hear of the last one, too.
    options_.wake();
  }

  // Cuts the first items off `pending_`, within both limits but at least one.
  std::vector<In> next_batch() {
    std::size_t count = 0;
    std::size_t bytes = 0;
    while (count < pending_.size() && count < options_.batch_max) {
      bytes += bytes_of(pending_[count]);
      if (count > 0 && bytes > options_.batch_bytes_max) break;
      ++count;
    }
    if (count == pending_.size()) return std::exchange(pending_, {});
    const auto cut = pending_.begin() + static_cast<std::ptrdiff_t>(count);
    std::vector<In> batch(std::make_move_iterator(pending_.begin()), std::make_move_iterator(cut));
    pending_.erase(pending_.begin(), cut);
    return batch;
  }

  const Options options_;
  const Work work_;
  Mailbox<Submission> waiting_;
  Mailbox<Out> results_;
  std::size_t submitted_ = 0;
  std::size_t submitted_bytes_ = 0;
  std::atomic<std::size_t> done_bytes_ = 0;
  std::atomic<std::size_t> done_ = 0;
  std::atomic<std::int64_t> busy_since_ = 0;
  std::vector<In> pending_;  // of the thread
  std::thread thread_;       // last: it uses all of the above
};

}  // namespace parley
