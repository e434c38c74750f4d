#include "bus/key_list.h"

#include <gmock/gmock.h>

#include "bus/curve.h"

namespace parley::test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

const std::string one = make_curve_key_pair().public_key;
const std::string two = make_curve_key_pair().public_key;
const std::string three = make_curve_key_pair().public_key;

std::string refusal(const std::string& text) {
  const auto list = KeyList::parse(text, "allowed");
  return list ? "taken" : list.error().detail;
}

TEST(KeyList, SaysWhatEachKeyMayBeAndBeCalled) {
  const auto list = KeyList::parse("# peers\n\ngateway gateway-1 " + one + "\n \tbusiness\tcrm-1 " +
                                       two + " \nadmin * " + three,
                                   "allowed");
  ASSERT_TRUE(list) << list.error().detail;
  EXPECT_EQ(list->entries(), (std::vector<KeyEntry>{{Role::gateway, "gateway-1", one},
                                                    {Role::business, "crm-1", two},
                                                    {Role::admin, "*", three}}));
  ASSERT_NE(list->find(two), nullptr);
  EXPECT_EQ(*list->find(two), (Principal{two, {Role::business}, "crm-1"}));
  EXPECT_EQ(list->find(""), nullptr);
  EXPECT_EQ(list->find(make_curve_key_pair().public_key), nullptr);
}

TEST(KeyList, WithoutLinesIsAListThatAdmitsNobody) {
  for (const char* text : {"", "\n\n", "# nothing", "  \t\n#\n"}) {
    const auto list = KeyList::parse(text, "allowed");
    ASSERT_TRUE(list) << text;
    EXPECT_TRUE(list->entries().empty());
  }
}

// '#' is a character of Z85: behind a key it is no comment.
TEST(KeyList, AKeyMayContainTheCommentsSign) {
  EXPECT_EQ(refusal("worker w Yne@#w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hI#"), "taken");
}

TEST(KeyList, TwoKeysOfOneRoleAndNameAreARotation) {
  EXPECT_EQ(refusal("worker w " + one + "\nworker w " + two), "taken");
}

TEST(KeyList, EachMistakeIsRefusedWithItsLine) {
  const std::vector<std::pair<std::string, std::string>> mistakes = {
      {"worker w " + one + "\nworker w " + one, "allowed:2: this key has a line already"},
      {"worker w " + one + "\ngateway g " + one, "allowed:2: this key has a line already"},
      {"\n\nowner w " + one, "allowed:3: the role is"},
      {"Worker w " + one, "allowed:1: the role is"},
      {"worker " + one, "allowed:1: a line is"},
      {"worker", "allowed:1: a line is"},
      {"worker w " + one + " # no", "allowed:1: a line is"},
      {"worker w " + one + "#", "allowed:1: a public key"},
      {"worker w " + one.substr(1), "allowed:1: a public key"},
      {"worker w*x " + one, "allowed:1: a name"},
      {"worker w** " + one, "allowed:1: a name"},
      {"worker w/x " + one, "allowed:1: a name"},
      {"worker " + std::string(65, 'w') + " " + one, "allowed:1: a name"},
      {"worker w " + one + "\r\n", "allowed:1: a public key"}};
  for (const auto& [text, expected] : mistakes)
    EXPECT_THAT(refusal(text), StartsWith(expected)) << text;
}

TEST(KeyList, ThatIsTooLongIsRefused) {
  EXPECT_EQ(refusal(std::string(key_list_bytes_max, '#')), "taken");
  EXPECT_THAT(refusal(std::string(key_list_bytes_max + 1, '#')), HasSubstr("too large"));
  std::string many;
  for (std::size_t i = 0; i <= key_list_entries_max; ++i) {
    std::string key = one;
    for (std::size_t rest = i, at = 0; rest > 0; rest /= 10, ++at)
      key[5 * at + 4] = static_cast<char>('0' + rest % 10), key[5 * at] = '0';
    many += "worker w " + key + "\n";
  }
  EXPECT_THAT(refusal(many), HasSubstr(":10001: too many keys"));
}

TEST(KeyListText, KeepsCommentsWhileLinesComeAndGo) {
  const std::string begun = "# ours\nworker w " + one;
  const std::string longer = with_entry(begun, {Role::admin, "root", two});
  EXPECT_EQ(longer, begun + "\nadmin root " + two + "\n");
  EXPECT_EQ(without_key(longer, one), "# ours\nadmin root " + two + "\n");
  EXPECT_EQ(without_key(longer, three), longer);
  const std::string mentioned = "# worker w " + two + "\n";
  EXPECT_EQ(without_key(mentioned, two), mentioned) << "a comment is nobody's line";
}

TEST(Roles, HaveNamesThatAreReadAgain) {
  for (const Role role : {Role::gateway, Role::worker, Role::business, Role::admin})
    EXPECT_EQ(role_named(name_of(role)), role);
  EXPECT_EQ(role_named("root"), std::nullopt);
}

}  // namespace
}  // namespace parley::test
