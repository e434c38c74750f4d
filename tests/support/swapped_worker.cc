#include "tests/support/swapped_worker.h"

#include <stdlib.h>

#include "base/random.h"

namespace parley::test {

namespace fs = std::filesystem;

SwappedWorker::SwappedWorker(const std::string& impostor)
    : real_(getenv("PARLEY_TEST_BIN")),
      folder_(fs::temp_directory_path() / ("parley-canary-" + std::to_string(secure_random_id()))) {
  fs::create_directory(folder_);
  for (const auto& program : fs::directory_iterator(real_))
    if (program.path().filename() != "parley-worker" && program.path().filename() != "parley")
      fs::create_symlink(program.path(), folder_ / program.path().filename());
  // It looks for the others where it lies itself, which is not where a link to it lies.
  fs::copy_file(fs::path(real_) / "parley", folder_ / "parley");
  fs::create_symlink(fs::path(real_) / impostor, folder_ / "parley-worker");
  setenv("PARLEY_TEST_BIN", folder_.c_str(), 1);
}

SwappedWorker::~SwappedWorker() {
  setenv("PARLEY_TEST_BIN", real_.c_str(), 1);
  fs::remove_all(folder_);
}

}  // namespace parley::test
