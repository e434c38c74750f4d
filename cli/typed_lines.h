// What is typed is carried out in the order in which it is typed. While one line waits for the server (whom does
// "/to bob" mean?) those behind it wait here, commands included: otherwise a message would go to whoever the
// chat happens to be with when it is sent. Pure.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace parley {

// "/to bob"; but "//to bob" is a message that begins with a slash.
bool is_command(std::string_view line);

class TypedLines {
 public:
  static constexpr std::size_t waiting_max = 1'000;

  // retry_later: as many as that are waiting; the line is not taken.
  Status add(std::string line);

  // Carries out what waits, in order, until nothing is left or a line has made the chat busy.
  void carry_out(const std::function<bool()>& is_busy,
                 const std::function<void(const std::string&)>& one);

  // Nobody was found to whom they could go: takes out the messages up to the next "/to", which names
  // somebody else. Returns how many. Other commands stay.
  std::size_t drop_messages();

  // Messages that have not been carried out.
  std::size_t messages() const;

 private:
  std::deque<std::string> waiting_;
};

}  // namespace parley
