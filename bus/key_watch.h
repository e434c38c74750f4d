// The allow-list of a running broker: which list counts while its file changes. Pure: the shell reads the
// file, every 500 ms and when asked to, and says what it found.
//
// A file that changes counts when it was found the same twice: an editor may be half done with it. One that
// cannot be read, or is no list, changes nothing: the former list stays.
#pragma once

#include <string>
#include <utility>

#include "base/clock.h"
#include "base/result.h"
#include "bus/key_list.h"

namespace parley {

class KeyWatch {
 public:
  static constexpr Duration look_every = 500ms;
  enum class Outcome { nothing, changed, broken };
  enum class Settling { needed, skipped };  // skipped: an operator says that the file is complete

  // `text`: of the file from which `list` was read.
  KeyWatch(KeyList list, std::string text, std::string path)
      : list_(std::move(list)), taken_(text), seen_(std::move(text)), path_(std::move(path)) {}

  // What the file is now. `broken` is said once for each state of the file; error() says why.
  Outcome look(Result<std::string> found, Settling settling);

  const KeyList& list() const { return list_; }
  const std::string& path() const { return path_; }
  const std::string& error() const { return error_; }

 private:
  KeyList list_;
  std::string taken_;  // judged: the list's text, or one that is no list
  std::string seen_;   // at the last look
  std::string path_;
  std::string error_;
};

}  // namespace parley
