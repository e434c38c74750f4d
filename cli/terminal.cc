#include "cli/terminal.h"

#include <langinfo.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <optional>
#include <utility>

#include "base/assert.h"
// After <cstdio>: it needs FILE.
#include <readline/history.h>
#include <readline/readline.h>

namespace parley {
namespace {

constexpr std::size_t lines_remembered_max = 200;

Style style_of_terminal() {
  const char* term = std::getenv("TERM");
  const bool is_dumb = term == nullptr || std::string_view(term) == "dumb";
  return {.has_colour = !is_dumb && std::getenv("NO_COLOR") == nullptr,
          .has_utf8 = std::string_view(nl_langinfo(CODESET)) == "UTF-8"};
}

struct Size {
  std::size_t rows = 24;
  std::size_t columns = 80;
  friend bool operator==(const Size&, const Size&) = default;
};

Size size_of_terminal() {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row == 0 || size.ws_col == 0)
    return {};
  return {size.ws_row, size.ws_col};
}

void write_out(const std::string& text) { std::fwrite(text.data(), 1, text.size(), rl_outstream); }

std::string up(std::size_t rows) { return "\x1b[" + std::to_string(rows) + "A"; }
std::string down(std::size_t rows) { return "\x1b[" + std::to_string(rows) + "B"; }

// readline is one per process, and so is this.
class ReadlineTerminal : public Terminal {
 public:
  explicit ReadlineTerminal(Loop& loop) : loop_(loop), style_(style_of_terminal()) {
    PARLEY_ASSERT(current == nullptr);
    current = this;
    // Signals come through the loop (TerminationSignal); the size is looked at when something is printed.
    rl_catch_signals = 0;
    rl_catch_sigwinch = 0;
    rl_outstream = stdout;
    // Tab is no file name here.
    rl_bind_key('\t', rl_insert);
    // Pasted line breaks belong to the message, and must not send it.
    rl_variable_bind("enable-bracketed-paste", "on");
  }

  ~ReadlineTerminal() override {
    if (!is_reading_) {
      current = nullptr;
      return;
    }
    rl_clear_visible_line();
    rl_callback_handler_remove();
    std::fflush(rl_outstream);
    current = nullptr;
  }

  void start(Input input) override {
    input_ = std::move(input);
    size_ = size_of_terminal();
    is_reading_ = true;
    rl_callback_handler_install(prompt_.c_str(), [](char* line) { current->on_line(line); });
    readable_.emplace(loop_, STDIN_FILENO, [] { rl_callback_read_char(); });
  }

  void set_prompt(const std::string& prompt) override {
    if (prompt == std::exchange(prompt_, prompt) || !is_reading_) return;
    const bool shown = hide_prompt();
    rl_set_prompt(prompt_.c_str());
    if (shown) show_prompt();
  }

  void print(const std::string& line) override { print_marked("", line); }

  LineId print_marked(const std::string& mark, const std::string& text) override {
    notice_resize();
    const bool shown = hide_prompt();
    write_out(mark + text + "\n");
    if (shown) show_prompt();
    std::fflush(rl_outstream);
    lines_.push_back({++last_line_, rows_of(mark + text, size_.columns)});
    if (lines_.size() > lines_remembered_max) lines_.pop_front();
    return last_line_;
  }

  // Goes up to the line, overwrites its mark and comes back. What has scrolled out is beyond reach.
  void change_mark(LineId id, const std::string& mark) override {
    notice_resize();
    std::size_t rows = 0;
    auto line = lines_.rbegin();
    for (; line != lines_.rend(); ++line) {
      rows += line->rows;
      if (line->id == id) break;
    }
    if (line == lines_.rend() || rows >= size_.rows) return;
    const bool shown = hide_prompt();
    write_out(up(rows) + "\r" + mark + down(rows) + "\r");
    if (shown) show_prompt();
    std::fflush(rl_outstream);
  }

  bool is_interactive() const override { return true; }
  const Style& style() const override { return style_; }

 private:
  struct Line {
    LineId id;
    std::size_t rows;
  };

  void on_line(char* raw) {
    if (raw == nullptr) {
      // Not to be called again: the prompt is gone with it.
      rl_callback_handler_remove();
      is_reading_ = false;
      readable_->stop();
      write_out("\r\x1b[K");
      return input_.on_end();
    }
    const std::string line(raw);
    std::free(raw);
    is_prompt_shown_ = false;
    // The message is shown again, with time and tick, where it was typed.
    write_out(up(rows_of(prompt_ + line, size_.columns)) + "\r\x1b[J");
    if (!line.empty()) add_history(line.c_str());
    input_.on_line(line);
    is_prompt_shown_ = true;
  }

  // Whether it was there to be hidden.
  bool hide_prompt() const {
    if (!is_reading_ || !is_prompt_shown_) return false;
    rl_clear_visible_line();
    return true;
  }

  static void show_prompt() {
    rl_on_new_line();
    rl_redisplay();
    std::fflush(rl_outstream);
  }

  // Another width breaks all lines anew: where they are now, only the terminal knows.
  void notice_resize() {
    const Size now = size_of_terminal();
    if (now == std::exchange(size_, now)) return;
    lines_.clear();
    if (is_reading_) rl_resize_terminal();
  }

  static ReadlineTerminal* current;

  Loop& loop_;
  Style style_;
  Input input_;
  std::string prompt_ = "> ";
  bool is_reading_ = false;
  bool is_prompt_shown_ = true;  // not while a line that was entered is being handled
  Size size_;
  std::deque<Line> lines_;
  LineId last_line_ = 0;
  std::optional<Readable> readable_;
};

ReadlineTerminal* ReadlineTerminal::current = nullptr;

}  // namespace

std::unique_ptr<Terminal> make_terminal(Loop& loop) {
  const char* term = std::getenv("TERM");
  const bool can_move = term != nullptr && std::string_view(term) != "dumb";
  if (can_move && isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1)
    return std::make_unique<ReadlineTerminal>(loop);
  return make_plain_terminal(loop, STDIN_FILENO);
}

}  // namespace parley
