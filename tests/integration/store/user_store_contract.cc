// What every UserStore promises, run against PostgreSQL and against its in-memory twin.
#include <atomic>
#include <thread>

#include "store/limits.h"
#include "tests/integration/store/backends.h"

namespace parley::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;

constexpr ConversationId talk{(1ULL << 31) | 2};
constexpr ConversationId other{(1ULL << 31) | 3};
constexpr DeviceId phone{1};
constexpr DeviceId laptop{~0ULL};  // all 64 bits count

TokenHash hash(std::uint8_t number) {
  TokenHash hash{};
  hash.fill(number);
  return hash;
}

DeviceTokens tokens(std::uint8_t device, std::uint8_t access) {
  DeviceTokens tokens;
  tokens.device_token = hash(device);
  tokens.access_token = hash(access);
  tokens.now_ms = 1'000 + device;
  tokens.access_expires_ms = 2'000 + access;
  tokens.device_expires_ms = 3'000 + device;
  tokens.family_expires_ms = 4'000 + device;
  tokens.rotation_key = hash(static_cast<std::uint8_t>(device + 100));
  return tokens;
}

class UserStoreContract : public testing::TestWithParam<const char*> {
 protected:
  UserStoreContract() : backend_(make_backend(GetParam())), users_(backend_->users()) {
    ada_ = create("Ada");
    ben_ = create("ben");
  }

  UserId create(std::string_view name) {
    const auto id = users_->create_account({name, "nick of " + std::string(name), "hash"});
    EXPECT_TRUE(id) << id.error().detail;
    return id ? *id : UserId{};
  }
  DeviceRecord device_by(std::uint8_t token) {
    const auto device = users_->device_by_token(hash(token));
    EXPECT_TRUE(device && *device) << "no device with token " << int{token};
    return device && *device ? **device : DeviceRecord{};
  }
  bool has_device(std::uint8_t token) { return users_->device_by_token(hash(token))->has_value(); }
  Status list(std::vector<std::pair<UserId, ConversationId>> rows) {
    return users_->list_conversations(rows);
  }
  // "received/read" of each, "-" where there is none.
  static std::vector<std::string> in_words(const Result<std::vector<std::optional<Cursors>>>& all) {
    std::vector<std::string> words;
    for (const auto& at : *all) {
      words.push_back(at ? std::to_string(at->received.value) + "/" + std::to_string(at->read.value)
                         : "-");
    }
    return words;
  }
  std::vector<std::string> move(std::vector<CursorMove> moves) {
    return in_words(users_->move_cursors(moves));
  }

  std::unique_ptr<Backend> backend_;
  std::unique_ptr<UserStore> users_;
  UserId ada_;
  UserId ben_;
};

TEST_P(UserStoreContract, AnAccountIsFoundRegardlessOfAsciiCase) {
  const auto found = users_->account_named("aDA");
  ASSERT_TRUE(found && *found);
  EXPECT_EQ((*found)->id, ada_);
  EXPECT_EQ((*found)->name, "Ada");
  EXPECT_EQ((*found)->nickname, "nick of Ada");
  EXPECT_EQ((*found)->password_hash, "hash");
  EXPECT_TRUE(is_valid(ada_));
  EXPECT_NE(ada_, ben_);
  EXPECT_EQ(users_->account_named("nobody").value(), std::nullopt);
}

TEST_P(UserStoreContract, ANameIsTakenOnceAndUsesNoIdTwice) {
  for (int attempt = 0; attempt < 5; ++attempt) {
    const auto again = users_->create_account({"ADA", "n", "h"});
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().code, Errc::conflict);
  }
  EXPECT_EQ(create("carl").value, ben_.value + 1);
}

TEST_P(UserStoreContract, LettersBeyondAsciiKeepTheirCase) {
  create("Änne");
  EXPECT_TRUE(users_->account_named("ÄNNE")->has_value());
  EXPECT_FALSE(users_->account_named("änne")->has_value());
  create("änne");
}

TEST_P(UserStoreContract, WhatIsNoTextIsRefusedAndNeverFound) {
  using namespace std::string_view_literals;
  for (const auto name : {"a\0b"sv, "\xff"sv, "\xc0\xaf"sv, "\xed\xa0\x80"sv, "ada\0"sv}) {
    const auto created = users_->create_account({name, "n", "h"});
    ASSERT_FALSE(created);
    EXPECT_EQ(created.error().code, Errc::bad_request);
    EXPECT_FALSE(users_->create_account({"fine", name, "h"}));
    EXPECT_EQ(users_->account_named(name).value(), std::nullopt);
    EXPECT_THAT(*users_->profiles({}, std::array{std::string(name), std::string("ben")}),
                SizeIs(1));
  }
}

TEST_P(UserStoreContract, QuotesBackslashesAndBracesInNamesAreLetters) {
  const std::string name = R"(o'hara"{\},$1;--)";
  const UserId id = create(name);
  EXPECT_EQ(users_->account_named(name)->value().id, id);
  const auto found = users_->profiles({}, std::array{name});
  ASSERT_THAT(*found, SizeIs(1));
  EXPECT_EQ(found->at(0).name, name);
}

TEST_P(UserStoreContract, APasswordHashIsReplaced) {
  EXPECT_TRUE(users_->set_password_hash(ada_, "another"));
  EXPECT_EQ(users_->account_named("Ada")->value().password_hash, "another");
  EXPECT_EQ(users_->account_named("ben")->value().password_hash, "hash");
  EXPECT_EQ(users_->set_password_hash(UserId{99}, "x").error().code, Errc::not_found);
}

TEST_P(UserStoreContract, ProfilesAreFoundByIdAndNameOnceEach) {
  const auto found = users_->profiles(std::array{ada_, UserId{99}, UserId{~0ULL}},
                                      std::array<std::string, 3>{"ADA", "Ben", "nobody"});
  ASSERT_TRUE(found);
  std::vector<std::string> names;
  for (const Profile& profile : *found) names.push_back(profile.name + ":" + profile.nickname);
  EXPECT_THAT(names, UnorderedElementsAre("Ada:nick of Ada", "ben:nick of ben"));
  EXPECT_THAT(*users_->profiles({}, {}), IsEmpty());
}

TEST_P(UserStoreContract, ALoginStoresItsDeviceAndCounts) {
  EXPECT_EQ(users_->put_device(ada_, laptop, 2, tokens(1, 11)).value(), Generation{1});
  EXPECT_EQ(users_->put_device(ada_, phone, 1, tokens(2, 12)).value(), Generation{2});
  EXPECT_EQ(users_->put_device(ben_, phone, 1, tokens(3, 13)).value(), Generation{1});
  const DeviceRecord device = device_by(1);
  EXPECT_EQ(device.user, ada_);
  EXPECT_EQ(device.device, laptop);
  EXPECT_EQ(device.device_class, 2);
  EXPECT_EQ(device.generation, Generation{1});
  EXPECT_EQ(device.device_token, hash(1));
  EXPECT_EQ(device.previous_token, TokenHash{});
  EXPECT_EQ(device.rotated_ms, 0);
  EXPECT_EQ(device.device_expires_ms, 3'001);
  EXPECT_EQ(device.family_expires_ms, 4'001);
  EXPECT_EQ(device.access_token, hash(11));
  EXPECT_EQ(device.access_expires_ms, 2'011);
  EXPECT_EQ(device.rotation_key, hash(101));
  EXPECT_EQ(users_->device_by_access_token(hash(13))->value().user, ben_);
}

TEST_P(UserStoreContract, ALoginOnTheSameDeviceReplacesItsTokens) {
  users_->put_device(ada_, phone, 1, tokens(1, 11));
  users_->rotate_device(ada_, phone, hash(1), tokens(2, 12));
  EXPECT_EQ(users_->put_device(ada_, phone, 3, tokens(5, 15)).value(), Generation{3});
  EXPECT_FALSE(has_device(1));
  EXPECT_FALSE(has_device(2));
  EXPECT_FALSE(users_->device_by_access_token(hash(12))->has_value());
  EXPECT_EQ(device_by(5).device_class, 3);
  EXPECT_EQ(device_by(5).previous_token, TokenHash{});
  EXPECT_EQ(device_by(5).family_expires_ms, 4'005);
}

TEST_P(UserStoreContract, AnUnknownUserCannotLogIn) {
  for (const UserId nobody : {UserId{99}, UserId{0}, UserId{~0ULL}}) {
    EXPECT_EQ(users_->put_device(nobody, phone, 1, tokens(1, 11)).error().code, Errc::not_found);
  }
}

TEST_P(UserStoreContract, BeyondTenDevicesTheOneUsedLongestAgoIsForgotten) {
  for (std::uint8_t number = 1; number <= limits::devices_max; ++number) {
    users_->put_device(ada_, DeviceId{number}, 1,
                       tokens(number, static_cast<std::uint8_t>(number + 100)));
  }
  users_->touch_device(ada_, DeviceId{1}, hash(99), 1);  // so 2 is the oldest
  users_->put_device(ada_, DeviceId{50}, 1, tokens(50, 150));
  EXPECT_TRUE(has_device(1));
  EXPECT_FALSE(has_device(2));
  EXPECT_TRUE(has_device(3));
  EXPECT_TRUE(has_device(50));
}

TEST_P(UserStoreContract, ManyLoginsAtOnceLeaveTenDevicesAndOneCount) {
  constexpr std::uint8_t logins = 24;
  std::vector<std::thread> running;
  for (std::uint8_t self = 0; self < 4; ++self) {
    running.emplace_back([this, self] {
      const auto users = backend_->users();
      for (auto number = static_cast<std::uint8_t>(self + 1); number <= logins; number += 4) {
        users->put_device(ada_, DeviceId{number}, 1, tokens(number, number));
      }
    });
  }
  for (std::thread& thread : running) thread.join();
  std::size_t kept = 0;
  for (std::uint8_t number = 1; number <= logins; ++number) kept += has_device(number) ? 1U : 0U;
  EXPECT_EQ(kept, limits::devices_max);
  EXPECT_EQ(users_->put_device(ada_, phone, 1, tokens(99, 99)).value(), Generation{logins + 1});
}

TEST_P(UserStoreContract, AResumeReplacesTheTokenAndRemembersTheFormer) {
  users_->put_device(ada_, phone, 1, tokens(1, 11));
  EXPECT_EQ(users_->rotate_device(ada_, phone, hash(1), tokens(2, 12)).value(), Generation{2});
  const DeviceRecord device = device_by(2);
  EXPECT_EQ(device.device_token, hash(2));
  EXPECT_EQ(device.previous_token, hash(1));
  EXPECT_EQ(device.rotated_ms, 1'002);
  EXPECT_EQ(device.device_expires_ms, 3'002);
  EXPECT_EQ(device.family_expires_ms, 4'001) << "set by the password login alone";
  EXPECT_EQ(device.access_token, hash(12));
  EXPECT_EQ(device.access_expires_ms, 2'012);
  EXPECT_EQ(device.rotation_key, hash(102));
  EXPECT_EQ(device.generation, Generation{2});
  EXPECT_EQ(device_by(1).device_token, hash(2)) << "found by the former token too";
}

TEST_P(UserStoreContract, AResumeWithAnythingButTheCurrentTokenChangesNothing) {
  users_->put_device(ada_, phone, 1, tokens(1, 11));
  users_->rotate_device(ada_, phone, hash(1), tokens(2, 12));
  EXPECT_EQ(users_->rotate_device(ada_, phone, hash(1), tokens(3, 13)).value(), std::nullopt);
  EXPECT_EQ(users_->rotate_device(ada_, laptop, hash(2), tokens(3, 13)).value(), std::nullopt);
  EXPECT_EQ(users_->rotate_device(ben_, phone, hash(2), tokens(3, 13)).value(), std::nullopt);
  EXPECT_EQ(device_by(2).generation, Generation{2});
}

TEST_P(UserStoreContract, OfTwoResumesAtOnceOneSucceeds) {
  for (std::uint8_t round = 0; round < 20; ++round) {
    const DeviceId device{round + 1ULL};
    const auto first = static_cast<std::uint8_t>(round * 3 + 1);
    users_->put_device(ada_, device, 1, tokens(first, first));
    std::array<bool, 2> succeeded{};
    std::vector<std::thread> running;
    for (std::uint8_t self = 0; self < 2; ++self) {
      running.emplace_back([&, self] {
        const auto next = static_cast<std::uint8_t>(first + 1 + self);
        const auto rotated =
            backend_->users()->rotate_device(ada_, device, hash(first), tokens(next, next));
        succeeded[self] = rotated && rotated->has_value();
      });
    }
    for (std::thread& thread : running) thread.join();
    EXPECT_NE(succeeded[0], succeeded[1]);
  }
}

TEST_P(UserStoreContract, AReturnReplacesTheAccessTokenAlone) {
  users_->put_device(ada_, phone, 1, tokens(1, 11));
  EXPECT_EQ(users_->touch_device(ada_, phone, hash(77), 5'555).value(), Generation{2});
  const DeviceRecord device = device_by(1);
  EXPECT_EQ(device.access_token, hash(77));
  EXPECT_EQ(device.access_expires_ms, 5'555);
  EXPECT_EQ(device.generation, Generation{2});
  EXPECT_EQ(device.device_expires_ms, 3'001);
  EXPECT_FALSE(users_->device_by_access_token(hash(11))->has_value());
  EXPECT_EQ(users_->touch_device(ada_, laptop, hash(78), 1).error().code, Errc::not_found);
}

TEST_P(UserStoreContract, ARevokedDeviceIsGoneAndTheCountGoesOn) {
  users_->put_device(ada_, phone, 1, tokens(1, 11));
  users_->put_device(ada_, laptop, 1, tokens(2, 12));
  EXPECT_TRUE(users_->revoke_device(ada_, phone));
  EXPECT_TRUE(users_->revoke_device(ada_, phone));
  EXPECT_TRUE(users_->revoke_device(UserId{99}, phone));
  EXPECT_FALSE(has_device(1));
  EXPECT_TRUE(has_device(2));
  EXPECT_FALSE(users_->device_by_access_token(hash(11))->has_value());
  EXPECT_EQ(users_->put_device(ada_, phone, 1, tokens(3, 13)).value(), Generation{3});
}

TEST_P(UserStoreContract, NoTokenIsNoDevice) {
  users_->put_device(ada_, phone, 1, DeviceTokens{});
  EXPECT_EQ(users_->device_by_token(TokenHash{}).value(), std::nullopt);
  EXPECT_EQ(users_->device_by_access_token(TokenHash{}).value(), std::nullopt);
}

TEST_P(UserStoreContract, ListsArePerUserAndIdempotent) {
  EXPECT_TRUE(list({{ada_, talk}, {ben_, talk}, {ada_, other}, {ada_, talk}}));
  move({{ada_, talk, {Seq{5}, Seq{3}}}});
  EXPECT_TRUE(list({{ada_, talk}}));
  const std::array<std::pair<UserId, ConversationId>, 4> rows{
      {{ben_, other}, {ada_, talk}, {ben_, talk}, {UserId{~0ULL}, talk}}};
  EXPECT_THAT(in_words(users_->cursors(rows)), ElementsAre("-", "5/3", "0/0", "-"));
  EXPECT_TRUE(list({}));
  EXPECT_THAT(in_words(users_->cursors({})), IsEmpty());
}

TEST_P(UserStoreContract, ListingForAnUnknownUserWritesNothing) {
  EXPECT_EQ(list({{ada_, talk}, {UserId{99}, talk}}).error().code, Errc::not_found);
  EXPECT_THAT(*users_->conversations(ada_, {}, 10), IsEmpty());
}

TEST_P(UserStoreContract, CursorsMoveForwardsOnly) {
  list({{ada_, talk}});
  EXPECT_THAT(move({{ada_, talk, {Seq{5}, Seq{2}}}}), ElementsAre("5/2"));
  EXPECT_THAT(move({{ada_, talk, {Seq{4}, Seq{3}}}}), ElementsAre("5/3"));
  EXPECT_THAT(move({{ada_, talk, {Seq{0}, Seq{0}}}}), ElementsAre("5/3"));
  EXPECT_THAT(move({{ada_, talk, {Seq{0}, Seq{1}}}}), ElementsAre("5/3"));
}

TEST_P(UserStoreContract, WhatIsReadIsReceived) {
  list({{ada_, talk}});
  EXPECT_THAT(move({{ada_, talk, {Seq{0}, Seq{7}}}}), ElementsAre("7/7"));
}

TEST_P(UserStoreContract, MovesOfOneBatchAreMergedAndAnsweredInOrder) {
  list({{ada_, talk}, {ben_, talk}});
  EXPECT_THAT(move({{ada_, talk, {Seq{5}, Seq{0}}},
                    {ben_, talk, {Seq{1}, Seq{1}}},
                    {ada_, other, {Seq{9}, Seq{9}}},
                    {ada_, talk, {Seq{3}, Seq{2}}}}),
              ElementsAre("5/2", "1/1", "-", "5/2"));
  EXPECT_THAT(move({}), IsEmpty());
}

TEST_P(UserStoreContract, RacingMovesEndAtTheHighestAndNobodySeesLessThanHeAsked) {
  list({{ada_, talk}});
  std::atomic<int> went_back{0};
  std::vector<std::thread> running;
  for (std::uint64_t self = 0; self < 4; ++self) {
    running.emplace_back([&, self] {
      const auto users = backend_->users();
      for (std::uint64_t seq = self + 1; seq <= 200; seq += 4) {
        const auto at =
            users->move_cursors(std::array{CursorMove{ada_, talk, {Seq{seq}, Seq{seq}}}});
        if (!at || !at->at(0) || at->at(0)->received < Seq{seq}) ++went_back;
      }
    });
  }
  for (std::thread& thread : running) thread.join();
  EXPECT_EQ(went_back, 0);
  EXPECT_THAT(move({{ada_, talk, {}}}), ElementsAre("200/200"));
}

TEST_P(UserStoreContract, ConversationsArePagedInAscendingOrder) {
  std::vector<std::pair<UserId, ConversationId>> rows;
  for (std::uint64_t id = 30; id > 0; --id) rows.emplace_back(ada_, ConversationId{id});
  rows.emplace_back(ben_, ConversationId{5});
  ASSERT_TRUE(list(rows));
  move({{ada_, ConversationId{2}, {Seq{4}, Seq{1}}}});
  std::vector<std::uint64_t> seen;
  ConversationId after{};
  while (true) {
    const auto page = users_->conversations(ada_, after, 7);
    ASSERT_TRUE(page);
    if (page->empty()) break;
    EXPECT_LE(page->size(), 7U);
    for (const ListedConversation& row : *page) seen.push_back(row.conversation.value);
    after = page->back().conversation;
  }
  EXPECT_THAT(seen, SizeIs(30));
  EXPECT_TRUE(std::ranges::is_sorted(seen));
  EXPECT_EQ(users_->conversations(ada_, ConversationId{1}, 1)->at(0).cursors.received, Seq{4});
  EXPECT_THAT(*users_->conversations(ada_, {}, 0), IsEmpty());
  EXPECT_THAT(*users_->conversations(ada_, ConversationId{~0ULL}, 5), IsEmpty());
  EXPECT_THAT(*users_->conversations(UserId{99}, {}, 5), IsEmpty());
  EXPECT_THAT(*users_->conversations(ada_, {}, ~0U), SizeIs(30));
}

INSTANTIATE_TEST_SUITE_P(Of, UserStoreContract, testing::Values("memory", "pg"),
                         [](const auto& test) { return std::string(test.param); });

}  // namespace
}  // namespace parley::test
