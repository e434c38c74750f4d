// While it lives, PARLEY_TEST_BIN is a folder of programs in which parley-worker is another one: for
// tests that plant a defect.
#pragma once

#include <filesystem>
#include <string>

namespace parley::test {

class SwappedWorker {
 public:
  explicit SwappedWorker(const std::string& impostor);
  ~SwappedWorker();
  SwappedWorker(const SwappedWorker&) = delete;
  SwappedWorker& operator=(const SwappedWorker&) = delete;

 private:
  std::string real_;
  std::filesystem::path folder_;
};

}  // namespace parley::test
