// A forked process of a measurement, and lines of text to and from it. It dies with the object, and
// with the process that forked it.
#pragma once

#include <sys/types.h>

#include <cstdio>
#include <functional>
#include <memory>
#include <string>

namespace parley::perf {

class Child {
 public:
  // Runs `body` in a fork; what it returns is the child's last line. Requires: no other thread runs,
  // and no ZeroMQ context exists here.
  static Child start(const std::function<std::string(Child& parent)>& body);
  ~Child();  // kills and reaps
  Child(Child&& other) noexcept;
  Child& operator=(Child&&) = delete;

  pid_t pid() const { return pid_; }
  // Without its end; empty if the other side is gone.
  std::string read_line();
  void write_line(const std::string& line);
  // Readable when a line waits, or the other side is gone.
  int readable_fd() const;

 private:
  struct Close {
    void operator()(FILE* file) const { std::fclose(file); }
  };
  Child(pid_t pid, int from, int to);

  pid_t pid_;  // 0: this is the child's view of its parent
  std::unique_ptr<FILE, Close> from_;
  int to_;
};

}  // namespace parley::perf
