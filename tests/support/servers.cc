#include "tests/support/servers.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <hiredis/hiredis.h>
#include <libpq-fe.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <iostream>

#include "base/assert.h"
#include "store/pg/migrate.h"

namespace parley::test {
namespace {

constexpr const char* template_database = "parley_template";

template <typename T>
void require(const Result<T>& status) {
  if (status) return;
  std::cerr << "test servers: " << status.error().detail << std::endl;
  PARLEY_ASSERT(status.has_value());
}

// Removes `directory` once the writing end of the returned pipe is closed, however that happens,
// and the servers, which end by themselves with this process, have left it.
int start_janitor(const std::string& directory) {
  int ends[2];
  PARLEY_ASSERT(pipe2(ends, O_CLOEXEC) == 0);
  // A server with a stopped child cannot end by itself: SIGQUIT makes it kill what does not listen.
  std::string script =
      "read _; pid=$0/postgres/data/postmaster.pid; "
      "for i in $(seq 400); do [ -e $pid ] || break; sleep 0.05; "
      "[ $i = 60 ] && kill -QUIT $(head -n 1 $pid); done; sleep 0.1; rm -rf $0";
  std::string shell = "sh";
  std::string option = "-c";
  std::string argument = directory;
  char* argv[] = {shell.data(), option.data(), script.data(), argument.data(), nullptr};

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[0], 0);
  posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, 1, 2);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
  pid_t pid = 0;
  PARLEY_ASSERT(posix_spawn(&pid, "/bin/sh", &actions, &attributes, argv, environ) == 0);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  close(ends[0]);
  return ends[1];
}

std::string in_words(const redisReply& reply) {
  if (reply.type == REDIS_REPLY_INTEGER) return std::to_string(reply.integer);
  if (reply.str != nullptr) return std::string(reply.str, reply.len);
  std::string words;
  for (std::size_t i = 0; i < reply.elements; ++i) {
    words += (i == 0 ? "" : " ") + in_words(*reply.element[i]);
  }
  return words;
}

}  // namespace

Servers& servers() {
  static Servers instance;
  return instance;
}

Servers::Servers() {
  std::string path = "/tmp/parley-test-XXXXXX";
  PARLEY_ASSERT(mkdtemp(path.data()) != nullptr);
  directory_ = path;
  // The servers' users must get through it; what is in it is theirs alone.
  PARLEY_ASSERT(chmod(path.c_str(), 0711) == 0);
  janitor_ = start_janitor(directory_);
  postgres_ = std::make_unique<PrivatePostgres>(
      PrivatePostgres::Options{.directory = directory_ + "/postgres"});
  redis_ =
      std::make_unique<PrivateRedis>(PrivateRedis::Options{.directory = directory_ + "/redis"});
  running_postgres_ = std::make_unique<RunningServer>(*postgres_);
  running_redis_ = std::make_unique<RunningServer>(*redis_);
}

Servers::~Servers() {
  // Nothing in it is needed any more: no orderly stop, the directory goes with them.
  running_postgres_->kill();
  running_redis_->kill();
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
  close(janitor_);
}

RunningServer& Servers::postgres() {
  if (running_postgres_->pid() == 0) require(running_postgres_->start(60s));
  return *running_postgres_;
}

RunningServer& Servers::redis_server() {
  if (running_redis_->pid() == 0) require(running_redis_->start(20s));
  return *running_redis_;
}

std::string Servers::postgres_url(const std::string& database, const std::string& role) {
  postgres();
  return postgres_->url(database, role);
}

std::string Servers::redis_url() {
  redis_server();
  return redis_->url();
}

std::string Servers::empty_database() {
  const std::string name = "suite_" + std::to_string(++databases_);
  sql("postgres", "CREATE DATABASE " + name);
  return name;
}

std::string Servers::fresh_database() {
  if (!has_template_) {
    sql("postgres", std::string("CREATE DATABASE ") + template_database);
    require(migrate(postgres_url(template_database, "postgres")));
    has_template_ = true;
  }
  const std::string name = "suite_" + std::to_string(++databases_);
  sql("postgres", "CREATE DATABASE " + name + " TEMPLATE " + template_database);
  return name;
}

std::string Servers::sql(const std::string& database, const std::string& text) {
  const std::unique_ptr<PGconn, void (*)(PGconn*)> connection(
      PQconnectdb(postgres_url(database, "postgres").c_str()), &PQfinish);
  const std::unique_ptr<PGresult, void (*)(PGresult*)> result(
      PQexec(connection.get(), text.c_str()), &PQclear);
  const ExecStatusType status = PQresultStatus(result.get());
  EXPECT_TRUE(status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK)
      << text << ": " << PQerrorMessage(connection.get());
  return PQntuples(result.get()) > 0 ? PQgetvalue(result.get(), 0, 0) : "";
}

std::string Servers::redis(const std::vector<std::string>& words) {
  const std::string path = redis_url().substr(std::string("unix://").size());
  const timeval limit{5, 0};
  const std::unique_ptr<redisContext, void (*)(redisContext*)> context(
      redisConnectUnixWithTimeout(path.c_str(), limit), &redisFree);
  std::vector<const char*> texts;
  std::vector<std::size_t> sizes;
  for (const std::string& word : words) {
    texts.push_back(word.data());
    sizes.push_back(word.size());
  }
  const std::unique_ptr<void, void (*)(void*)> reply(
      redisCommandArgv(context.get(), static_cast<int>(words.size()), texts.data(), sizes.data()),
      &freeReplyObject);
  EXPECT_NE(reply.get(), nullptr) << words[0] << ": " << context->errstr;
  if (reply == nullptr) return "";
  const auto& answer = *static_cast<const redisReply*>(reply.get());
  EXPECT_NE(answer.type, REDIS_REPLY_ERROR) << words[0] << ": " << in_words(answer);
  return in_words(answer);
}

}  // namespace parley::test
