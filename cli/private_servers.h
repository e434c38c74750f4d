// A PostgreSQL and a Redis of our own: in a directory of ours, on unix sockets only, nothing shared
// with the system's. `parley up` supervises them as children (prepare, then command); tests run
// them with RunningServer. As root, they run as the users `postgres` and `redis`, otherwise as
// ourselves.
//
// Directories and sockets are 0700. Sockets lie in <directory>/socket, or, when that path would
// pass the 107 bytes of a unix socket's address, in /tmp under a name derived from the directory.
//
// All calls block; one thread. Errors: config (what the operator must change), io.
#pragma once

#include <sys/types.h>

#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace parley {

class PrivateServer {
 public:
  virtual ~PrivateServer() = default;
  virtual std::string name() const = 0;
  // Makes everything ready for command(): directories, first initialisation (repeatable after a
  // crash in the middle), configuration files. Ends a server that a former life left running in
  // this directory, and waits (15 s at most) until none of its processes is left. Idempotent.
  virtual Status prepare() const = 0;
  // What to run: stays in the foreground, logs to stderr, keeps its pid, and shuts down if the
  // thread that started it dies.
  virtual std::vector<std::string> command() const = 0;
  // Whether the server with that pid answers.
  virtual bool is_ready(pid_t pid) const = 0;
  // Orderly and quick: no wait for clients, no recovery at the next start.
  virtual int stop_signal() const = 0;
  // To be called when it was stopped for good: removes what it has outside its directory.
  virtual void clean_up() const = 0;
  // Where RunningServer sends its log.
  virtual std::string log_path() const = 0;
};

class PrivatePostgres final : public PrivateServer {
 public:
  struct Options {
    std::string directory;  // absolute, not "/"; ours alone; its parent exists
    std::string binaries = "/usr/lib/postgresql/15/bin";
    // Added to, and overriding, what we set. An operator's own go to
    // <directory>/data/operator.conf.
    std::vector<std::pair<std::string, std::string>> settings = {};
  };
  explicit PrivatePostgres(Options options);

  // A libpq connection string for a role of this server: postgres (superuser), or one that our
  // migrations make. No password: the socket's peer must be the user that runs the server, us, or
  // root.
  std::string url(const std::string& database, const std::string& role) const;

  std::string name() const override { return "postgres"; }
  Status prepare() const override;
  std::vector<std::string> command() const override;
  bool is_ready(pid_t pid) const override;
  int stop_signal() const override;
  void clean_up() const override;
  std::string log_path() const override { return options_.directory + "/log"; }

 private:
  std::string data() const { return options_.directory + "/data"; }
  Status initialise() const;
  Status write_settings() const;
  Status write_access_rules() const;

  Options options_;
  std::string socket_directory_;
};

class PrivateRedis final : public PrivateServer {
 public:
  struct Options {
    std::string directory;  // absolute, not "/"; ours alone; its parent exists
    std::string binary = "/usr/bin/redis-server";
    std::uint64_t memory_bytes_max = 256ULL << 20;  // at it, writes are refused; nothing is evicted
  };
  explicit PrivateRedis(Options options);

  std::string url() const { return "unix://" + socket_path(); }

  std::string name() const override { return "redis"; }
  Status prepare() const override;
  std::vector<std::string> command() const override;
  bool is_ready(pid_t pid) const override;
  int stop_signal() const override;
  void clean_up() const override;
  std::string log_path() const override { return options_.directory + "/log"; }

 private:
  std::string socket_path() const { return socket_directory_ + "/redis.sock"; }

  Options options_;
  std::string socket_directory_;
};

// A server that this object keeps as a child; its destructor kills it if it still runs. The server
// must outlive it. Start it from a thread that lives as long as it.
class RunningServer {
 public:
  explicit RunningServer(const PrivateServer& server) : server_(server) {}
  ~RunningServer() { kill(); }
  RunningServer(const RunningServer&) = delete;
  RunningServer& operator=(const RunningServer&) = delete;

  // Prepares, starts, and waits until it answers. io: it ended, or did not answer in time; see its
  // log.
  Status start(Duration limit);
  // Asks it to stop, waits, and cleans up; kills it at the limit, which is an error. Nothing if it
  // does not run.
  Status stop(Duration limit);
  // SIGKILL, as a crash would.
  void kill();
  pid_t pid() const { return pid_; }  // 0: not running

 private:
  bool has_ended();

  const PrivateServer& server_;
  pid_t pid_ = 0;
};

}  // namespace parley
