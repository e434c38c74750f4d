#include "workers/account_rules.h"

#include <algorithm>
#include <string>

#include "base/utf8.h"
#include "proto/limits.h"
#include "store/names.h"

namespace parley {
namespace {

constexpr std::size_t telling_name_min = 4;  // a shorter one is in many a good password by chance

constexpr std::string_view common_passwords[] = {
#define PARLEY_COMMON_PASSWORD(text) text,
#include "workers/common_passwords.def"
#undef PARLEY_COMMON_PASSWORD
};

bool is_unseen(char32_t c) {
  const bool zero_width = (c >= 0x200B && c <= 0x200D) || c == 0x2060 || c == 0xFEFF || c == 0x00AD;
  const bool separator = c == 0x2028 || c == 0x2029;
  return is_control(c) || is_bidi_control(c) || zero_width || separator;
}

Status check_visible(std::string_view text) {
  if (text.starts_with(' ') || text.ends_with(' '))
    return fail(Errc::bad_request, "space at an end");
  while (!text.empty()) {
    const auto point = first_code_point(text);
    if (!point) return fail(Errc::bad_request, "not UTF-8");
    if (is_unseen(point->value)) return fail(Errc::bad_request, "a character that cannot be seen");
    text.remove_prefix(point->bytes);
  }
  return {};
}

}  // namespace

Status check_name(std::string_view name) {
  if (name.empty() || name.size() > limits::user_name_max)
    return fail(Errc::bad_request, "name's length");
  return check_visible(name);
}

Status check_new_name(std::string_view name) {
  PARLEY_CHECK(check_name(name));
  if (folded_name(name).starts_with(service_name_prefix))
    return fail(Errc::bad_request, "a name of business systems");
  return {};
}

Status check_nickname(std::string_view nickname) {
  if (nickname.size() > limits::nickname_max) return fail(Errc::bad_request, "nickname's length");
  return check_visible(nickname);
}

Status check_password(std::string_view password, std::string_view name) {
  if (password.size() < limits::password_min || password.size() > limits::password_max)
    return fail(Errc::bad_request, "password's length");
  const std::string folded = folded_name(password);
  if (name.size() >= telling_name_min && folded.find(folded_name(name)) != std::string::npos)
    return fail(Errc::bad_request, "the password contains the name");
  if (std::ranges::find(common_passwords, folded) != std::end(common_passwords))
    return fail(Errc::bad_request, "one of the commonest passwords");
  return {};
}

}  // namespace parley
