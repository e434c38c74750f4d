// What every LogStore promises, run against PostgreSQL and against its in-memory twin, so that the
// twin cannot lie.
#include <cstring>
#include <thread>

#include "base/random.h"
#include "store/limits.h"
#include "store/memory/memory_store.h"
#include "tests/integration/store/backends.h"

namespace parley::test {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr ConversationId talk{(1ULL << 31) | 2};
constexpr ConversationId other{(1ULL << 31) | 3};

ClientMessageId client_id(std::uint32_t number) {
  ClientMessageId id{};
  std::memcpy(id.data(), &number, sizeof number);
  return id;
}

NewEntry entry(std::uint32_t number, std::string_view body = "hello",
               ConversationId conversation = talk, UserId sender = UserId{1}) {
  return {conversation, sender, client_id(number), 1, body, 1'000 + number};
}

// "1", "1r" for a repetition, or the error's name.
std::string in_words(const Result<Appended>& result) {
  if (!result) return std::string(name_of(result.error().code));
  return std::to_string(result->seq.value) + (result->repeated ? "r" : "");
}
std::vector<std::string> in_words(const std::vector<Result<Appended>>& results) {
  std::vector<std::string> words;
  for (const auto& result : results) words.push_back(in_words(result));
  return words;
}

class LogStoreContract : public testing::TestWithParam<const char*> {
 protected:
  LogStoreContract() : backend_(make_backend(GetParam())), log_(backend_->log()) {
    EXPECT_TRUE(log_->open(std::array{talk, other}));
  }

  std::vector<std::string> append(const std::vector<NewEntry>& entries) {
    return in_words(log_->append(entries));
  }
  void fill(std::uint32_t entries, std::string_view body = "hello") {
    std::vector<NewEntry> batch;
    for (std::uint32_t number = 1; number <= entries; ++number) {
      batch.push_back(entry(number, body));
    }
    append(batch);
  }
  static std::vector<std::uint64_t> numbers(const Page& page) {
    std::vector<std::uint64_t> numbers;
    for (const Entry& found : page.entries) numbers.push_back(found.seq.value);
    return numbers;
  }

  std::unique_ptr<Backend> backend_;
  std::unique_ptr<LogStore> log_;
};

TEST_P(LogStoreContract, NumbersABatchInItsOrderPerConversation) {
  EXPECT_THAT(append({entry(1), entry(2, "b", other), entry(3), entry(4, "c", other)}),
              ElementsAre("1", "1", "2", "2"));
  EXPECT_THAT(append({entry(5)}), ElementsAre("3"));
}

TEST_P(LogStoreContract, AnEmptyBatchHasAnEmptyAnswer) { EXPECT_THAT(append({}), IsEmpty()); }

TEST_P(LogStoreContract, GivesBackWhatWasAppended) {
  const std::string body("\0\xff bytes", 8);
  NewEntry sent{talk, UserId{user_id_max}, client_id(7), 65'535, body, -5};
  EXPECT_THAT(append({sent}), ElementsAre("1"));
  const auto page = log_->range(talk, Seq{1}, Seq{1}, {});
  ASSERT_TRUE(page);
  ASSERT_THAT(page->entries, SizeIs(1));
  const Entry& found = page->entries[0];
  EXPECT_EQ(found.seq, Seq{1});
  EXPECT_EQ(found.sender, sent.sender);
  EXPECT_EQ(found.client_id, sent.client_id);
  EXPECT_EQ(found.kind, sent.kind);
  EXPECT_EQ(found.body, body);
  EXPECT_EQ(found.time_ms, -5);
}

TEST_P(LogStoreContract, ARepetitionHasTheFirstNumberAndTime) {
  append({entry(1)});
  NewEntry again = entry(1);
  again.time_ms = 99'999;
  const auto results = log_->append(std::array{again});
  EXPECT_THAT(in_words(results), ElementsAre("1r"));
  EXPECT_EQ(results[0]->time_ms, 1'001);
  EXPECT_THAT(append({entry(2)}), ElementsAre("2"));
}

TEST_P(LogStoreContract, ARepetitionWithinABatchIsOneEntry) {
  EXPECT_THAT(append({entry(1), entry(1), entry(2), entry(1)}), ElementsAre("1", "1r", "2", "1r"));
}

TEST_P(LogStoreContract, RepetitionsAmongNewEntriesTakeNoNumber) {
  append({entry(1), entry(2)});
  EXPECT_THAT(append({entry(3), entry(2), entry(4), entry(1), entry(5)}),
              ElementsAre("3", "2r", "4", "1r", "5"));
}

TEST_P(LogStoreContract, AnotherBodyOrKindUnderTheSameIdIsAConflict) {
  NewEntry other_kind = entry(1);
  other_kind.kind = 2;
  EXPECT_THAT(append({entry(1), entry(1, "else"), other_kind, entry(2)}),
              ElementsAre("1", "conflict", "conflict", "2"));
  EXPECT_THAT(append({entry(1, "else"), entry(1), other_kind, entry(3)}),
              ElementsAre("conflict", "1r", "conflict", "3"));
}

TEST_P(LogStoreContract, AnIdIsThatOfItsSenderAndConversation) {
  EXPECT_THAT(append({entry(1), entry(1, "hello", talk, UserId{2}), entry(1, "hello", other)}),
              ElementsAre("1", "2", "1"));
}

TEST_P(LogStoreContract, AConversationThatWasNeverOpenedIsNotFoundAndHarmsNoOther) {
  const ConversationId unknown{(5ULL << 31) | 6};
  const ConversationId impossible{1ULL << 63};
  EXPECT_THAT(append({entry(1), entry(2, "b", unknown), entry(3, "c", impossible), entry(4)}),
              ElementsAre("1", "not_found", "not_found", "2"));
}

TEST_P(LogStoreContract, ABodyBeyondTheLimitFailsAlone) {
  const std::string longest(limits::entry_body_max, 'x');
  const std::string longer = longest + "x";
  EXPECT_THAT(append({entry(1), entry(2, longer), entry(3, longest)}),
              ElementsAre("1", "too_large", "2"));
}

TEST_P(LogStoreContract, OpeningTwiceKeepsTheNumbers) {
  append({entry(1)});
  EXPECT_TRUE(log_->open(std::array{other, talk, talk}));
  EXPECT_THAT(append({entry(2)}), ElementsAre("2"));
  EXPECT_FALSE(log_->open(std::array{ConversationId{0}}));
}

TEST_P(LogStoreContract, ABatchLargerThanAStatementIsNumberedThroughout) {
  const std::string body(9'000, 'x');
  fill(limits::append_entries_max + 200, body);
  EXPECT_EQ(log_->heads(std::array{talk})->at(0), Seq{limits::append_entries_max + 200});
}

TEST_P(LogStoreContract, RangeIncludesBothEndsAndStopsAtTheHead) {
  fill(10);
  const auto page = log_->range(talk, Seq{4}, Seq{6}, {});
  ASSERT_TRUE(page);
  EXPECT_THAT(numbers(*page), ElementsAre(4, 5, 6));
  EXPECT_EQ(page->head, Seq{10});
  EXPECT_FALSE(page->more);
  EXPECT_THAT(numbers(*log_->range(talk, Seq{9}, Seq{~0ULL}, {})), ElementsAre(9, 10));
  EXPECT_FALSE(log_->range(talk, Seq{9}, Seq{~0ULL}, {})->more);
  EXPECT_THAT(numbers(*log_->range(talk, Seq{11}, Seq{20}, {})), IsEmpty());
  EXPECT_THAT(numbers(*log_->range(talk, Seq{6}, Seq{4}, {})), IsEmpty());
  EXPECT_EQ(log_->range(talk, Seq{11}, Seq{20}, {})->head, Seq{10});
}

TEST_P(LogStoreContract, RangeEndsAtItsBoundAndSaysSo) {
  fill(10, "12345");
  const auto by_entries = log_->range(talk, Seq{1}, Seq{10}, {.entries = 3, .bytes = 1'000});
  EXPECT_THAT(numbers(*by_entries), ElementsAre(1, 2, 3));
  EXPECT_TRUE(by_entries->more);
  // The entry that passes the bound is the last: 5, 10, 15 > 12.
  const auto by_bytes = log_->range(talk, Seq{1}, Seq{10}, {.entries = 9, .bytes = 12});
  EXPECT_THAT(numbers(*by_bytes), ElementsAre(1, 2, 3));
  EXPECT_TRUE(by_bytes->more);
  EXPECT_THAT(numbers(*log_->range(talk, Seq{1}, Seq{10}, {.entries = 0, .bytes = 0})),
              ElementsAre(1));
}

TEST_P(LogStoreContract, NoBoundOpensAPageBeyondTheLimits) {
  fill(limits::page_max + 50, "x");
  const PageBound everything{.entries = ~0U, .bytes = ~std::size_t{0}};
  EXPECT_THAT(log_->range(talk, Seq{1}, Seq{~0ULL}, everything)->entries, SizeIs(limits::page_max));
  EXPECT_THAT(log_->before(talk, Seq{0}, everything)->entries, SizeIs(limits::page_max));
}

TEST_P(LogStoreContract, BeforeGivesTheNewestBelowInAscendingOrder) {
  fill(10, "12345");
  const auto newest = log_->before(talk, Seq{0}, {.entries = 3});
  EXPECT_THAT(numbers(*newest), ElementsAre(8, 9, 10));
  EXPECT_TRUE(newest->more);
  EXPECT_EQ(newest->head, Seq{10});
  EXPECT_THAT(numbers(*log_->before(talk, Seq{8}, {.entries = 3})), ElementsAre(5, 6, 7));
  EXPECT_THAT(numbers(*log_->before(talk, Seq{8}, {.entries = 9, .bytes = 7})), ElementsAre(6, 7));
  const auto oldest = log_->before(talk, Seq{3}, {.entries = 3});
  EXPECT_THAT(numbers(*oldest), ElementsAre(1, 2));
  EXPECT_FALSE(oldest->more);
  EXPECT_THAT(numbers(*log_->before(talk, Seq{1}, {})), IsEmpty());
  EXPECT_THAT(numbers(*log_->before(talk, Seq{~0ULL}, {.entries = 1})), ElementsAre(10));
}

TEST_P(LogStoreContract, AnUnknownOrEmptyConversationIsAnEmptyPage) {
  for (const ConversationId id : {talk, ConversationId{77}, ConversationId{1ULL << 63}}) {
    const auto page = log_->range(id, Seq{1}, Seq{10}, {});
    ASSERT_TRUE(page);
    EXPECT_THAT(page->entries, IsEmpty());
    EXPECT_EQ(page->head, Seq{0});
    EXPECT_FALSE(page->more);
    EXPECT_THAT(log_->before(id, Seq{0}, {})->entries, IsEmpty());
  }
}

TEST_P(LogStoreContract, HeadsComeInTheOrderAsked) {
  fill(4);
  append({entry(100, "b", other)});
  const auto heads = log_->heads(std::array{other, ConversationId{77}, talk, other});
  ASSERT_TRUE(heads);
  EXPECT_THAT(*heads, ElementsAre(Seq{1}, Seq{0}, Seq{4}, Seq{1}));
  EXPECT_THAT(*log_->heads({}), IsEmpty());
}

// Four connections, two conversations, ids that all of them send: what any of them is told must be
// what the log says, and the log has every number once.
TEST_P(LogStoreContract, RacingConnectionsAgreeOnOneLogWithoutHoles) {
  constexpr int threads = 4;
  constexpr std::uint32_t ids = 1'000;
  std::vector<std::vector<std::pair<std::uint32_t, Seq>>> told(threads);
  std::vector<std::string> failures(threads);
  const auto send_in_random_batches = [&](std::size_t self) {
    const auto log = backend_->log();
    Random random(self + 1);
    std::uint32_t next = 0;
    while (next < ids) {
      std::vector<NewEntry> batch;
      std::vector<std::uint32_t> sent;
      for (std::uint64_t size = 1 + random.below(20); size > 0 && next < ids; --size, ++next) {
        sent.push_back(next);
        batch.push_back(entry(next, "same", next % 2 == 0 ? talk : other));
      }
      const auto results = log->append(batch);
      for (std::size_t i = 0; i < sent.size(); ++i) {
        if (results[i])
          told[self].emplace_back(sent[i], results[i]->seq);
        else
          failures[self] = results[i].error().detail;
      }
    }
  };
  std::vector<std::thread> running;
  for (std::size_t self = 0; self < threads; ++self)
    running.emplace_back(send_in_random_batches, self);
  for (std::thread& thread : running) thread.join();
  EXPECT_THAT(failures, Each(""));

  std::map<std::pair<ConversationId, ClientMessageId>, Seq> logged;
  for (const ConversationId conversation : {talk, other}) {
    std::uint64_t expected = 1;
    for (Page page; expected <= ids / 2; expected += page.entries.size()) {
      page = *log_->range(conversation, Seq{expected}, Seq{~0ULL}, {});
      ASSERT_FALSE(page.entries.empty());
      for (std::size_t i = 0; i < page.entries.size(); ++i) {
        EXPECT_EQ(page.entries[i].seq.value, expected + i);
        logged[{conversation, page.entries[i].client_id}] = page.entries[i].seq;
      }
    }
    EXPECT_EQ(log_->heads(std::array{conversation})->at(0), Seq{ids / 2});
  }
  EXPECT_THAT(logged, SizeIs(ids));
  for (const auto& answers : told) {
    EXPECT_THAT(answers, SizeIs(ids));
    for (const auto& [id, seq] : answers) {
      EXPECT_EQ((logged[{id % 2 == 0 ? talk : other, client_id(id)}]), seq);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Of, LogStoreContract, testing::Values("memory", "pg"),
                         [](const auto& test) { return std::string(test.param); });

}  // namespace
}  // namespace parley::test
