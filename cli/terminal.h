// Where a chat reads lines and prints others, without one disturbing the other.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/loop.h"
#include "cli/terminal_text.h"

namespace parley {

class Terminal {
 public:
  using LineId = std::uint64_t;
  struct Input {
    std::function<void(const std::string&)> on_line;
    std::function<void()> on_end;  // Ctrl-D, or the end of the input; nothing follows
  };
  virtual ~Terminal() = default;  // leaves a real terminal as it was

  // Begins to read.
  virtual void start(Input input) = 0;
  virtual void set_prompt(const std::string& prompt) = 0;
  // Prints above the prompt; what is being typed stays.
  virtual void print(const std::string& line) = 0;
  // Prints a line whose beginning may change later, to another of the same width. Where that is
  // not possible (any more), change_mark does nothing.
  virtual LineId print_marked(const std::string& mark, const std::string& text) = 0;
  virtual void change_mark(LineId line, const std::string& mark) = 0;

  virtual bool is_interactive() const = 0;
  virtual const Style& style() const = 0;
};

// A person's terminal with line editing if standard input and output are one, otherwise plain lines. At most one
// at a time.
std::unique_ptr<Terminal> make_terminal(Loop& loop);

// The twin for pipes and files: lines in, lines out.
std::unique_ptr<Terminal> make_plain_terminal(Loop& loop, int input_fd);

}  // namespace parley
