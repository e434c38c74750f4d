// A process' configuration: a TOML file, then the environment, into plain variables. Strict: an
// unknown key, a wrong type or a value out of range is refused with file, line and, for a typo, a
// suggestion. Each process declares its keys in one visible list; `--print-config` prints exactly
// that list.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace parley {

class Config {
 public:
  // Declares a key "section.name" and where its value goes; the variable's value at this moment is
  // the default. The variable must outlive the Config. `doc`: one sentence, printed above the key.
  void text(std::string key, std::string* value, std::string doc);
  void number(std::string key, std::uint64_t* value, std::uint64_t min, std::uint64_t max,
              std::string doc);
  void flag(std::string key, bool* value, std::string doc);
  void list(std::string key, std::vector<std::string>* value, std::string doc);

  // Reads a file. config: with "path:line: what is wrong".
  Status load_file(const std::string& path);
  // The same for a text; `origin` stands for the path in messages.
  Status load_text(std::string_view toml, const std::string& origin);
  // PARLEY_<SECTION>_<NAME> overrides a key; lists are separated by commas. An empty value is
  // refused, and so is a PARLEY_ variable that names no key of this section list (a typo must not
  // pass in silence).
  Status load_environment(const char* const* environment);

  // The whole configuration as TOML with its docs: what load_text reads back to the same values.
  std::string print() const;

 private:
  struct Number {
    std::uint64_t* value;
    std::uint64_t min;
    std::uint64_t max;
  };
  struct Key {
    std::string name;
    std::string doc;
    std::variant<std::string*, Number, bool*, std::vector<std::string>*> target;
  };
  std::vector<Key> keys_;
};

// Reads a secret: a regular file, not a link, owned by us or root, no access for group and others,
// 1 … 4096 bytes; trailing newline cut. config: what is wrong with it, never its content.
Result<std::string> read_secret_file(const std::string& path);
// Reads a file that others may see but not change: as above, but only write access is refused, and it
// may be empty. config: what is wrong with it.
Result<std::string> read_trusted_file(const std::string& path, std::size_t bytes_max);
// Makes one that read_secret_file would read: a new file, mode 0600, safely on disk. conflict: there is one already,
// which stays as it is. io.
Status create_secret_file(const std::string& path, std::string_view content);

}  // namespace parley
