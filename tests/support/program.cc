#include "tests/support/program.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "tests/support/eventually.h"

namespace parley::test {

std::string path_of_program(const std::string& name) {
  if (name.starts_with('/')) return name;
  const char* folder = std::getenv("PARLEY_TEST_BIN");
  EXPECT_NE(folder, nullptr) << "PARLEY_TEST_BIN: the folder of the programs";
  return std::string(folder != nullptr ? folder : ".") + "/" + name;
}

RunningProgram::RunningProgram(std::vector<std::string> arguments,
                               std::vector<std::string> environment) {
  arguments.front() = path_of_program(arguments.front());
  int ends[2];
  EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0);
  fcntl(ends[0], F_SETFL, O_NONBLOCK);
  pipe_ = ends[0];
  auto started = Process::start({.arguments = std::move(arguments),
                                 .environment = std::move(environment),
                                 .directory = std::filesystem::current_path()},
                                {.output = ends[1]});
  close(ends[1]);
  if (started) process_.emplace(std::move(*started));
  else ADD_FAILURE() << started.error().detail;
}

RunningProgram::~RunningProgram() { close(pipe_); }

const std::string& RunningProgram::output() {
  char buffer[4096];
  for (ssize_t got; (got = read(pipe_, buffer, sizeof buffer)) > 0;)
    output_.append(buffer, static_cast<std::size_t>(got));
  return output_;
}

bool RunningProgram::says(const std::string& text, Duration limit) {
  return eventually(limit, [&] { return output().find(text) != std::string::npos; });
}

Exit RunningProgram::wait(Duration limit) {
  const bool ended =
      eventually(limit, [&] { return output(), process_->poll_exit().has_value(); });
  EXPECT_TRUE(ended) << "it did not end in time; it said:\n" << output();
  output();
  return process_->poll_exit().value_or(Exit{-1, 0});
}

Ran run_program(std::vector<std::string> arguments, std::vector<std::string> environment) {
  RunningProgram program(std::move(arguments), std::move(environment));
  const Exit exit = program.wait(std::chrono::seconds(20));
  return {exit.signal == 0 ? exit.code : -exit.signal, program.output()};
}

}  // namespace parley::test
