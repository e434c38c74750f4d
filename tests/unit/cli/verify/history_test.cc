#include "cli/verify/history.h"

#include <filesystem>
#include <fstream>
#include <limits>
#include <sstream>

#include "base/random.h"
#include "tests/unit/cli/verify/planted_history.h"

namespace parley::verify {
namespace {

std::string fresh_path() {
  return std::filesystem::temp_directory_path() / ("history-" + std::to_string(secure_random_id()));
}

std::string content(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

Planted one_of_each() {
  Planted p;
  p.ok(p.invoke({1, 'a'}), 1).failed(p.invoke({1, 'b'})).unknown(p.invoke({1, 'c'}));
  p.stream("2/1").push("2/1", {1, 'a'}, 1).pull("2/2", {1, 'a'}, 1).synced("2/2", 1);
  p.acked_receipt(2, 1, 1).saw_receipt("1/1", 2, 1, 1).fault(1, 2, 500).healed().quiesced();
  p.login("2/1", 2).pushed("2/1", {1, 'a'}, 1).closed("2/1").logout("2/1").no_page(p.ask("3/1", 1));
  p.asked("2/2", 1, {.head = 1, .lines = {{{1, 'a'}, 1}}}).wants_receipt(2, 1, 1);
  p.gauge("broker-1", "bus_requests", 7, 9).attempted(3, 2);
  p.row({1, 'a'}, 1).head(1).list(1).list(2).dumped_with_lists();
  return p;
}

TEST(History, ComesBackFromItsFileAsItWas) {
  const std::string first = fresh_path();
  const std::string second = fresh_path();
  ASSERT_TRUE(one_of_each().history().save(first));
  const auto loaded = History::load(first);
  ASSERT_TRUE(loaded);
  ASSERT_TRUE(loaded->save(second));
  EXPECT_EQ(loaded->events().size(), one_of_each().history().events().size());
  EXPECT_EQ(content(first), content(second));
  EXPECT_EQ(judge(*loaded, {.acked = 1}).kind, one_of_each().judged({.acked = 1}).kind);
  std::filesystem::remove(first);
  std::filesystem::remove(second);
}

TEST(History, LinesAreThoseOfTheModel) {
  const std::string path = fresh_path();
  ASSERT_TRUE(one_of_each().history().save(path));
  const std::string text = content(path);
  EXPECT_EQ(
      text.substr(0, text.find('\n')),
      R"({"body":12638187200555641996,"c":2147483650,"cmid":"61616161616161616161616161616161",)"
      R"("f":"send","i":1,"op":1,"p":"1/1","sender":1,"t":1000000,"type":"invoke"})");
  std::filesystem::remove(path);
}

TEST(History, RefusesTimesAndGaugesThatCannotBeSubtracted) {
  const std::string path = fresh_path();
  const std::string max = std::to_string(std::numeric_limits<std::int64_t>::max());
  for (const std::string& line :
       {R"({"t":)" + max + R"(,"p":"nemesis","type":"obs","f":"healed"})",
        R"({"t":-)" + max + R"(,"p":"nemesis","type":"obs","f":"healed"})",
        R"({"t":1,"p":"b","type":"obs","f":"gauge","name":"fds","value":)" + max +
            R"(,"limit":0})"}) {
    std::ofstream(path) << line << '\n';
    EXPECT_EQ(History::load(path).error().detail, "line 1: " + line);
  }
  std::filesystem::remove(path);
}

TEST(History, NamesTheLineThatIsNoEvent) {
  const std::string path = fresh_path();
  ASSERT_TRUE(one_of_each().history().save(path));
  std::ofstream(path, std::ios::app) << R"({"t":1,"p":"x","type":"obs","f":"nonsense"})" << '\n';
  const auto loaded = History::load(path);
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code, Errc::bad_request);
  EXPECT_THAT(loaded.error().detail,
              testing::StartsWith(
                  ("line " + std::to_string(one_of_each().history().events().size() + 1) + ":")));
  std::filesystem::remove(path);
}

TEST(History, AMissingFileIsAnError) {
  const auto loaded = History::load("/nonexistent/history");
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code, Errc::io);
}

}  // namespace
}  // namespace parley::verify
