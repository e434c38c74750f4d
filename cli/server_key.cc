#include "cli/server_key.h"

#include <filesystem>

#include "gateway/key_file.h"

namespace parley {

Result<std::string> make_server_key(const std::string& path) {
  init_crypto();
  if (!std::filesystem::exists(path)) PARLEY_CHECK(create_key_file(path, 1));
  PARLEY_TRY(const ServerKey key, load_key_file(path));
  return pin_text(key);
}

}  // namespace parley
