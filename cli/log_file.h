// A child's output on disk, bounded: NAME.log, and when that is full NAME.log.1, NAME.log.2 …; the oldest
// is dropped. Lines stay whole. One owner thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"

namespace parley {

class LogFile {
 public:
  struct Bounds {
    std::size_t file_bytes_max = 8 << 20;
    unsigned files_max = 4;  // together with the current one
  };

  // Appends to `path`. io: it cannot be opened.
  static Result<LogFile> open(std::string path, Bounds bounds);
  ~LogFile();
  LogFile(LogFile&& other) noexcept;
  LogFile& operator=(LogFile&&) = delete;

  // Writes the whole lines in `bytes` and what was left from before; keeps the rest, up to 64 KiB, for
  // the next call. A line that is longer than that is cut in two. A disk that is full loses lines and
  // nothing else: dropped() counts their bytes.
  void append(std::string_view bytes);
  // Writes an unfinished last line too.
  void flush();
  std::size_t dropped() const { return dropped_; }

 private:
  LogFile(std::string path, Bounds bounds, int fd, std::size_t size)
      : path_(std::move(path)), bounds_(bounds), fd_(fd), size_(size) {}
  void write_out(std::string_view lines);
  void rotate();

  std::string path_;
  Bounds bounds_;
  int fd_;
  std::size_t size_;
  std::string unfinished_;
  std::size_t dropped_ = 0;
};

// The last `lines` lines of a file, at most 16 KiB of them; empty if it cannot be read.
std::string tail_of(const std::string& path, unsigned lines);

}  // namespace parley
