#include "store/limits.h"

namespace parley {

Status check_entry(const NewEntry& entry) {
  if (entry.body.size() > limits::entry_body_max) {
    return fail(Errc::too_large, "entry body of " + std::to_string(entry.body.size()) + " bytes");
  }
  // Such a conversation cannot have been opened.
  if (!entry.conversation || entry.conversation.value > limits::stored_number_max) {
    return fail(Errc::not_found, "no such conversation id");
  }
  if (entry.sender.value > user_id_max) return fail(Errc::internal, "no such user id");
  return {};
}

}  // namespace parley
