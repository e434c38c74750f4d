#include "cli/private_servers.h"

#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <set>

namespace parley {
namespace {

namespace fs = std::filesystem;

constexpr Duration leftovers_limit = 15s;
constexpr Duration initialise_limit = 120s;

Error system_error(const std::string& what) {
  return Error{Errc::io, what + ": " + std::strerror(errno)};
}

bool wait_until(Duration limit, const std::function<bool()>& condition) {
  const Instant deadline = monotonic_now() + limit;
  while (!condition()) {
    if (monotonic_now() > deadline) return false;
    poll(nullptr, 0, 5);
  }
  return true;
}

// Who runs the server: servers refuse root, or should.
struct Account {
  uid_t uid;
  gid_t gid;
  std::string name;
};

Result<Account> account_for(const char* name_if_root) {
  errno = 0;
  const passwd* entry = geteuid() == 0 ? getpwnam(name_if_root) : getpwuid(geteuid());
  if (entry == nullptr) return fail(Errc::config, std::string("no user ") + name_if_root);
  return Account{entry->pw_uid, entry->pw_gid, entry->pw_name};
}

// setpriv execs: the pid stays that of the server, and a signal reaches it without a go-between.
std::vector<std::string> run_as(const char* name_if_root, const char* death_signal) {
  std::vector<std::string> words{"/usr/bin/setpriv"};
  if (geteuid() == 0) {
    words.insert(words.end(), {std::string("--reuid=") + name_if_root,
                               std::string("--regid=") + name_if_root, "--init-groups"});
  }
  words.insert(words.end(), {"--pdeathsig", death_signal, "--"});
  return words;
}

Result<pid_t> spawn(std::vector<std::string> words, const std::string& log_path) {
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 1, log_path.c_str(), O_WRONLY | O_CREAT | O_APPEND,
                                   0600);
  posix_spawn_file_actions_adddup2(&actions, 1, 2);
  // The server's user may not be allowed to be where we are.
  posix_spawn_file_actions_addchdir_np(&actions, "/");
  // Our own blocked signals (run_process) would make a server deaf to its stop signal, and a
  // terminal's Ctrl-C is for us: we stop our servers ourselves, in order.
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);

  pid_t pid = 0;
  errno = posix_spawn(&pid, argv[0], &actions, &attributes, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (errno != 0) return tl::unexpected(system_error("start " + words[0]));
  return pid;
}

// Runs `command` behind `words` of run_as, to its end. io: it failed, or took longer than `limit`.
Status run(std::vector<std::string> words, const std::vector<std::string>& command,
           const std::string& log_path, Duration limit) {
  const std::string& program = command[0];
  words.insert(words.end(), command.begin(), command.end());
  PARLEY_TRY(const pid_t pid, spawn(std::move(words), log_path));
  int status = 0;
  if (!wait_until(limit, [&] { return waitpid(pid, &status, WNOHANG) == pid; })) {
    ::kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
    return fail(Errc::io, program + " did not end in time; see " + log_path);
  }
  if (status != 0) return fail(Errc::io, program + " failed; see " + log_path);
  return {};
}

// A directory of mode 0700 that belongs to `owner`: made, or found to be so.
Status make_directory(const std::string& path, const Account& owner) {
  if (mkdir(path.c_str(), 0700) == 0) {
    if (chown(path.c_str(), owner.uid, owner.gid) != 0) {
      return tl::unexpected(system_error("chown " + path));
    }
  } else if (errno != EEXIST) {
    return tl::unexpected(system_error("mkdir " + path));
  }
  struct stat found {};
  if (lstat(path.c_str(), &found) != 0) return tl::unexpected(system_error("stat " + path));
  if (!S_ISDIR(found.st_mode) || found.st_uid != owner.uid || (found.st_mode & 077) != 0) {
    return fail(Errc::config, path + " must be a directory of " + owner.name + " alone");
  }
  return {};
}

// A path with which sockets named up to 24 bytes stay within sockaddr_un.
std::string socket_directory_for(const std::string& directory) {
  constexpr std::size_t longest = sizeof(sockaddr_un::sun_path) - 1 - 24;
  std::string beside = directory + "/socket";
  if (beside.size() <= longest) return beside;
  std::uint64_t hash = 0xcbf29ce484222325ULL;  // FNV-1a
  for (const char c : directory) hash = (hash ^ static_cast<std::uint8_t>(c)) * 0x100000001b3ULL;
  return "/tmp/parley-" + std::to_string(geteuid()) + "-" + std::to_string(hash);
}

void remove_sockets_elsewhere(const std::string& sockets, const std::string& directory) {
  if (sockets == directory + "/socket") return;
  std::error_code ignored;  // a later start finds it, or makes it anew
  fs::remove_all(sockets, ignored);
}

Status make_server_directories(const std::string& directory, const std::string& sockets,
                               const Account& owner) {
  if (!directory.starts_with('/') || directory == "/") {
    return fail(Errc::config, "not an absolute directory: " + directory);
  }
  PARLEY_CHECK(make_directory(directory, owner));
  PARLEY_CHECK(make_directory(sockets, owner));
  if (geteuid() != 0) return {};
  if (run(run_as(owner.name.c_str(), "SIGKILL"), {"/usr/bin/test", "-w", directory}, "/dev/null",
          10s)) {
    return {};
  }
  return fail(Errc::config, "user " + owner.name + " cannot reach " + directory +
                                ": a directory above it is closed to others");
}

// Atomic, so that a crash leaves the former content.
Status write_file(const std::string& path, const std::string& text, const Account& owner) {
  const std::string next = path + ".new";
  unlink(next.c_str());
  const int fd = open(next.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return tl::unexpected(system_error("create " + next));
  const bool written = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
                       fchown(fd, owner.uid, owner.gid) == 0 && fsync(fd) == 0;
  const Error error = system_error("write " + next);
  close(fd);
  if (!written) return tl::unexpected(error);
  if (rename(next.c_str(), path.c_str()) != 0)
    return tl::unexpected(system_error("rename " + next));
  return {};
}

// Both servers make their data directory their working directory, and so do PostgreSQL's children,
// which outlive a killed postmaster for a moment. Nothing else tells them reliably: a pid file may
// be stale, and its number may be another process' by now. The program is compared too: a person's
// shell may stand there.
std::vector<pid_t> processes_in(const std::string& directory, const std::string& program) {
  std::vector<pid_t> pids;
  std::error_code ignored;  // a process that ends while we look is not there
  const fs::path canonical = fs::canonical(directory, ignored);
  const std::string executable = fs::canonical(program, ignored);
  // What cannot be read in /proc reads as "": without these two names it would be taken for ours.
  if (canonical.empty() || executable.empty()) return pids;
  for (const auto& entry : fs::directory_iterator("/proc", ignored)) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    // An upgraded package leaves "… (deleted)" behind the name.
    const bool runs_it =
        fs::read_symlink(entry.path() / "exe", ignored).string().starts_with(executable);
    if (runs_it && fs::read_symlink(entry.path() / "cwd", ignored) == canonical) {
      pids.push_back(std::stoi(name));
    }
  }
  return pids;
}

Status require_program(const std::string& path) {
  if (access(path.c_str(), X_OK) == 0) return {};
  return fail(Errc::config, path + " is not a program to run: " + std::strerror(errno));
}

Status end_leftovers(const std::string& directory, const std::string& program, int signal) {
  for (const pid_t pid : processes_in(directory, program)) ::kill(pid, signal);
  if (wait_until(leftovers_limit, [&] { return processes_in(directory, program).empty(); }))
    return {};
  return fail(Errc::io, "processes of a former server do not leave " + directory);
}

std::string percent_encoded(const std::string& text) {
  std::string out;
  for (const char c : text) {
    const bool plain =
        std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_' || c == '.';
    constexpr const char* digits = "0123456789ABCDEF";
    if (plain)
      out += c;
    else
      out.append({'%', digits[static_cast<unsigned char>(c) >> 4], digits[c & 15]});
  }
  return out;
}

}  // namespace

// ---------------------------------------------------------------- PostgreSQL

PrivatePostgres::PrivatePostgres(Options options)
    : options_(std::move(options)), socket_directory_(socket_directory_for(options_.directory)) {}

std::string PrivatePostgres::url(const std::string& database, const std::string& role) const {
  return "postgresql:///" + percent_encoded(database) +
         "?host=" + percent_encoded(socket_directory_) + "&user=" + percent_encoded(role);
}

Status PrivatePostgres::prepare() const {
  PARLEY_CHECK(require_program(options_.binaries + "/postgres"));
  PARLEY_TRY(const Account owner, account_for("postgres"));
  PARLEY_CHECK(make_server_directories(options_.directory, socket_directory_, owner));
  PARLEY_CHECK(end_leftovers(data(), options_.binaries + "/postgres", stop_signal()));
  if (!fs::exists(data() + "/PG_VERSION")) PARLEY_CHECK(initialise());
  // Only now that nobody runs there: the file also names the shared memory of a dead postmaster
  // whose children live on, and is what keeps a second server away from them.
  unlink((data() + "/postmaster.pid").c_str());
  PARLEY_CHECK(write_settings());
  return write_access_rules();
}

// Into another directory first: what is called data is whole.
Status PrivatePostgres::initialise() const {
  const std::string next = options_.directory + "/data.new";
  std::error_code error;
  fs::remove_all(next, error);
  PARLEY_CHECK(run(run_as("postgres", "SIGKILL"),
                   {options_.binaries + "/initdb", "--pgdata=" + next, "--username=postgres",
                    "--encoding=UTF8", "--locale=C", "--auth=peer", "--data-checksums"},
                   log_path(), initialise_limit));
  fs::rename(next, data(), error);
  if (error) return fail(Errc::io, "rename " + next + ": " + error.message());
  return {};
}

Status PrivatePostgres::write_settings() const {
  std::map<std::string, std::string> settings{
      {"listen_addresses", ""},
      {"unix_socket_directories", socket_directory_},
      {"unix_socket_permissions", "0700"},
      {"max_connections", "64"},
      // The promise of every ack; workers refuse to start without them.
      {"fsync", "on"},
      {"synchronous_commit", "on"},
      {"full_page_writes", "on"},
      {"shared_buffers", "128MB"},
      {"wal_buffers", "16MB"},
      {"wal_compression", "lz4"},
      {"min_wal_size", "256MB"},
      {"max_wal_size", "2GB"},
      {"checkpoint_timeout", "15min"},
      {"random_page_cost", "1.1"},
      {"max_parallel_workers_per_gather", "0"},
      {"jit", "off"},
      {"timezone", "UTC"},
      {"log_timezone", "UTC"},
      {"log_checkpoints", "off"},
      {"password_encryption", "scram-sha-256"},
  };
  for (const auto& [name, value] : options_.settings) settings[name] = value;
  std::string text = "# Written at each start; put changes into operator.conf beside this file.\n";
  for (const auto& [name, value] : settings) text += name + " = '" + value + "'\n";
  text += "include_if_exists = 'operator.conf'\n";
  PARLEY_TRY(const Account owner, account_for("postgres"));
  return write_file(data() + "/postgresql.conf", text, owner);
}

// Peers by their user; passwords nowhere, and no other way in.
Status PrivatePostgres::write_access_rules() const {
  PARLEY_TRY(const Account owner, account_for("postgres"));
  PARLEY_TRY(const Account self, account_for("root"));
  std::string map;
  for (const std::string& user : std::set<std::string>{owner.name, self.name, "root"}) {
    for (const char* role : {"postgres", "parley_migrate", "parley_app", "parley_ro"}) {
      map += "parley \"" + user + "\" " + role + "\n";
    }
  }
  PARLEY_CHECK(write_file(data() + "/pg_ident.conf", map, owner));
  return write_file(data() + "/pg_hba.conf", "local all all peer map=parley\n", owner);
}

std::vector<std::string> PrivatePostgres::command() const {
  std::vector<std::string> words = run_as("postgres", "SIGINT");
  words.insert(words.end(), {options_.binaries + "/postgres", "-D", data()});
  return words;
}

// As pg_ctl does it: the eighth line of the pid file is the postmaster's own word on its state.
bool PrivatePostgres::is_ready(pid_t pid) const {
  std::ifstream file(data() + "/postmaster.pid");
  std::string line;
  for (int number = 1; std::getline(file, line); ++number) {
    if (number == 1 && line != std::to_string(pid)) return false;
    if (number == 8) return line.starts_with("ready");
  }
  return false;
}

int PrivatePostgres::stop_signal() const { return SIGINT; }

void PrivatePostgres::clean_up() const {
  remove_sockets_elsewhere(socket_directory_, options_.directory);
}

// --------------------------------------------------------------------- Redis

PrivateRedis::PrivateRedis(Options options)
    : options_(std::move(options)), socket_directory_(socket_directory_for(options_.directory)) {}

Status PrivateRedis::prepare() const {
  PARLEY_CHECK(require_program(options_.binary));
  PARLEY_TRY(const Account owner, account_for("redis"));
  PARLEY_CHECK(make_server_directories(options_.directory, socket_directory_, owner));
  PARLEY_CHECK(end_leftovers(options_.directory, options_.binary, stop_signal()));
  unlink(socket_path().c_str());
  // A cache: no persistence. No eviction either: a route that vanished in silence would be a user
  // taken for offline, while a refused write is an error that its caller copes with.
  return write_file(options_.directory + "/redis.conf",
                    "port 0\n"
                    "unixsocket \"" +
                        socket_path() +
                        "\"\n"
                        "unixsocketperm 700\n"
                        "dir \"" +
                        options_.directory +
                        "\"\n"
                        "save \"\"\n"
                        "appendonly no\n"
                        "maxmemory " +
                        std::to_string(options_.memory_bytes_max) +
                        "\n"
                        "maxmemory-policy noeviction\n"
                        "daemonize no\n"
                        "databases 1\n",
                    owner);
}

std::vector<std::string> PrivateRedis::command() const {
  std::vector<std::string> words = run_as("redis", "SIGTERM");
  words.insert(words.end(), {options_.binary, options_.directory + "/redis.conf"});
  return words;
}

bool PrivateRedis::is_ready(pid_t) const {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket_path().size() >= sizeof address.sun_path) return false;
  std::memcpy(address.sun_path, socket_path().c_str(), socket_path().size() + 1);
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return false;
  bool answered = false;
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
      send(fd, "PING\r\n", 6, MSG_NOSIGNAL) == 6) {
    pollfd readable{fd, POLLIN, 0};
    char reply[5] = {};
    answered = poll(&readable, 1, 200) == 1 && recv(fd, reply, 5, 0) == 5 &&
               std::string_view(reply, 5) == "+PONG";
  }
  close(fd);
  return answered;
}

int PrivateRedis::stop_signal() const { return SIGTERM; }

void PrivateRedis::clean_up() const {
  remove_sockets_elsewhere(socket_directory_, options_.directory);
}

// ------------------------------------------------------------- RunningServer

bool RunningServer::has_ended() {
  if (pid_ != 0 && waitpid(pid_, nullptr, WNOHANG) == pid_) pid_ = 0;
  return pid_ == 0;
}

Status RunningServer::start(Duration limit) {
  kill();
  PARLEY_CHECK(server_.prepare());
  PARLEY_TRY(pid_, spawn(server_.command(), server_.log_path()));
  const bool settled = wait_until(limit, [&] { return has_ended() || server_.is_ready(pid_); });
  if (settled && pid_ != 0) return {};
  kill();
  return fail(Errc::io, server_.name() + " did not start; see " + server_.log_path());
}

Status RunningServer::stop(Duration limit) {
  if (has_ended()) return {};
  ::kill(pid_, server_.stop_signal());
  if (wait_until(limit, [&] { return has_ended(); })) {
    server_.clean_up();
    return {};
  }
  kill();
  return fail(Errc::io, server_.name() + " did not stop in time and was killed");
}

void RunningServer::kill() {
  if (has_ended()) return;
  ::kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  pid_ = 0;
}

}  // namespace parley
