// What "commit done, reply lost" means to PostgreSQL, to the store above it, and to who asks again.
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>

#include "store/pg/pg_store.h"
#include "tests/support/fault_proxy.h"
#include "tests/support/servers.h"

namespace parley::test {
namespace {

constexpr const char* link = "store/postgres";
constexpr const char* socket_name = ".s.PGSQL.5432";

std::string directory_of(const std::string& url) {
  const std::size_t at = url.find("host=") + 5;
  std::string host = url.substr(at, url.find('&', at) - at);
  for (std::size_t slash = host.find("%2F"); slash != host.npos; slash = host.find("%2F"))
    host.replace(slash, 3, "/");
  return host;
}

NewEntry entry(std::uint32_t number, std::string_view body = "hello") {
  ClientMessageId id{};
  std::memcpy(id.data(), &number, sizeof number);
  return {ConversationId{11}, UserId{1}, id, 1, body, 1'000};
}

class LostCommitReply : public testing::Test {
 protected:
  LostCommitReply() {
    char name[] = "/tmp/parley-lost-commit-XXXXXX";
    directory_ = mkdtemp(name);
    std::string url = servers().postgres_url(database_);
    const std::string target = directory_of(url);
    proxy_.add(link, directory_ + "/" + socket_name, target + "/" + socket_name);
    const std::size_t at = url.find("host=") + 5;
    url.replace(at, url.find('&', at) - at, directory_);
    log_ = make_pg_log_store({.database_url = url});
    EXPECT_TRUE(log_->open(std::array{ConversationId{11}}));
    EXPECT_EQ(append(1), "1");
  }
  ~LostCommitReply() override {
    unlink((directory_ + "/" + socket_name).c_str());
    rmdir(directory_.c_str());
  }

  std::string append(std::uint32_t number, std::string_view body = "hello") {
    const auto result = log_->append(std::array{entry(number, body)}).at(0);
    if (!result) return std::string(name_of(result.error().code));
    return std::to_string(result->seq.value) + (result->repeated ? " again" : "");
  }
  std::string rows() {
    return servers().sql(database_, "SELECT count(*) || ' up to ' || max(seq) FROM parley.log");
  }
  FaultProxy& proxy() { return proxy_; }
  LogStore& log() { return *log_; }

 private:
  std::string directory_;
  std::string database_ = servers().fresh_database();
  FaultProxy proxy_{1};
  std::unique_ptr<LogStore> log_;
};

TEST_F(LostCommitReply, RowIsStoredAlthoughTheConnectionBrokeAndAskingAgainGivesItsNumber) {
  proxy().lose_commit_reply(link, 1);
  EXPECT_EQ(append(2), "retry_later");
  EXPECT_EQ(rows(), "2 up to 2") << "it is committed";
  EXPECT_EQ(proxy().counters(link).matched, 1u);
  EXPECT_EQ(proxy().counters(link).cut, 1u);
  EXPECT_GT(proxy().counters(link).of(Way::to_client).dropped, 0u);
  EXPECT_EQ(append(2), "2 again");
  EXPECT_EQ(append(3), "3");
  EXPECT_EQ(rows(), "3 up to 3");
}

// The other half, or "stored" would prove nothing: what is cut before the request arrives is not there.
TEST_F(LostCommitReply, RequestThatIsCutOnItsWayStoresNothing) {
  proxy().cut_after(link, {.way = Way::to_server,
                           .pattern = append_request(),
                           .keep = Keep::before_match});
  EXPECT_EQ(append(2), "retry_later");
  EXPECT_EQ(rows(), "1 up to 1");
  EXPECT_EQ(append(2), "2");
}

TEST_F(LostCommitReply, OtherStatementsAreAnswered) {
  proxy().lose_commit_reply(link, 1);
  EXPECT_TRUE(log().heads(std::array{ConversationId{11}}));
  EXPECT_TRUE(log().open(std::array{ConversationId{12}}));
  EXPECT_TRUE(log().range(ConversationId{11}, Seq{1}, Seq{9}, {}));
  EXPECT_EQ(proxy().counters(link).matched, 0u);
}

TEST_F(LostCommitReply, AppendThatIsRefusedIsAnswered) {
  proxy().lose_commit_reply(link, 1);
  EXPECT_EQ(append(1), "1 again") << "a unique violation, and then a look";
  EXPECT_EQ(proxy().counters(link).matched, 0u);
  EXPECT_EQ(append(2), "retry_later");
}

TEST_F(LostCommitReply, SoManyAsSaidAreLost) {
  proxy().lose_commit_reply(link, 2);
  EXPECT_EQ(append(2), "retry_later");
  EXPECT_EQ(append(3), "retry_later");
  EXPECT_EQ(append(4), "4");
  EXPECT_EQ(proxy().counters(link).matched, 2u);
  EXPECT_EQ(rows(), "4 up to 4");
}

}  // namespace
}  // namespace parley::test
