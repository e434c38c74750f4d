// A worker that acknowledges before it commits: the defect that all this exists to see. If it is
// not found, the other fault tests prove nothing.
#include <gmock/gmock.h>
#include <stdlib.h>

#include <filesystem>

#include "base/random.h"
#include "tests/fault/fault_run.h"

namespace parley::test {
namespace {

namespace fs = std::filesystem;

// A folder of programs in which parley-worker is another one; restores PARLEY_TEST_BIN at its end.
class SwappedWorker {
 public:
  explicit SwappedWorker(const std::string& impostor)
      : real_(getenv("PARLEY_TEST_BIN")),
        folder_(fs::temp_directory_path() /
                ("parley-canary-" + std::to_string(secure_random_id()))) {
    fs::create_directory(folder_);
    for (const auto& program : fs::directory_iterator(real_))
      if (program.path().filename() != "parley-worker")
        fs::create_symlink(program.path(), folder_ / program.path().filename());
    fs::create_symlink(fs::path(real_) / impostor, folder_ / "parley-worker");
    setenv("PARLEY_TEST_BIN", folder_.c_str(), 1);
  }
  ~SwappedWorker() {
    setenv("PARLEY_TEST_BIN", real_.c_str(), 1);
    fs::remove_all(folder_);
  }
  SwappedWorker(const SwappedWorker&) = delete;
  SwappedWorker& operator=(const SwappedWorker&) = delete;

 private:
  std::string real_;
  fs::path folder_;
};

TEST(Canary, AWorkerThatAcknowledgesBeforeItCommitsIsCaught) {
  const SwappedWorker swapped("parley-worker-early-ack");
  FaultRunOptions options{.cluster = busy_cluster(),
                          .nemesis = kill_in_turn({"worker-1", "worker-2", "worker-3"}, 500ms, 5s),
                          .faults_min = 5};
  options.cluster.workers = 3;
  const FaultRun run = run_with_faults(options);
  EXPECT_EQ(run.verdict.kind, Verdict::Kind::invalid);
  EXPECT_TRUE(run.verdict.has("A1")) << describe(run.verdict);
}

}  // namespace
}  // namespace parley::test
