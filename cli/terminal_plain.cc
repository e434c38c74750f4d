#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <optional>
#include <string_view>
#include <utility>

#include "cli/terminal.h"

namespace parley {
namespace {

constexpr std::size_t line_max = 64 * 1024;  // longer lines are handed on in pieces of this size

class PlainTerminal : public Terminal {
 public:
  PlainTerminal(Loop& loop, int fd) : loop_(loop), fd_(fd) {}

  void start(Input input) override {
    input_ = std::move(input);
    readable_.emplace(loop_, fd_, [this] { read_some(); });
  }
  void set_prompt(const std::string&) override {}
  void print(const std::string& line) override {
    std::printf("%s\n", line.c_str());
    std::fflush(stdout);
  }
  LineId print_marked(const std::string& mark, const std::string& text) override {
    print(mark + text);
    return 0;
  }
  void change_mark(LineId, const std::string&) override {}
  bool is_interactive() const override { return false; }
  const Style& style() const override { return style_; }

 private:
  void read_some() {
    char buffer[4096];
    const ssize_t got = read(fd_, buffer, sizeof buffer);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) return;
    if (got > 0) text_.append(buffer, static_cast<std::size_t>(got));
    else readable_->stop();
    hand_on_lines();
    if (got > 0) return;
    if (!text_.empty()) input_.on_line(std::exchange(text_, std::string()));
    input_.on_end();
  }

  void hand_on_lines() {
    for (;;) {
      const std::size_t end = text_.find('\n');
      if (end == std::string::npos && text_.size() < line_max) return;
      const std::size_t cut = std::min(end, line_max);
      const std::string line = text_.substr(0, cut);
      text_.erase(0, cut == end ? cut + 1 : cut);
      input_.on_line(line);
    }
  }

  Loop& loop_;
  int fd_;
  Input input_;
  std::optional<Readable> readable_;
  std::string text_;
  Style style_{.has_colour = false, .has_utf8 = true};
};

}  // namespace

std::unique_ptr<Terminal> make_plain_terminal(Loop& loop, int input_fd) {
  return std::make_unique<PlainTerminal>(loop, input_fd);
}

}  // namespace parley
