// Where a measurement keeps its files and sockets.
#pragma once

#include <string>
#include <utility>

#include "base/result.h"

namespace parley::perf {

// Removed when the object dies.
class TemporaryDirectory {
 public:
  static Result<TemporaryDirectory> make();
  ~TemporaryDirectory();
  TemporaryDirectory(TemporaryDirectory&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  TemporaryDirectory& operator=(TemporaryDirectory&&) = delete;
  const std::string& path() const { return path_; }

 private:
  explicit TemporaryDirectory(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

}  // namespace parley::perf
