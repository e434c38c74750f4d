#include "base/config.h"

#include <toml++/toml.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <sstream>

#include "base/json.h"

namespace parley {
namespace {

constexpr std::size_t typo_distance_max = 3;

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t change = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = std::exchange(row[j], std::min({change, row[j] + 1, row[j - 1] + 1}));
    }
  }
  return row.back();
}

std::string quoted(std::string_view text) {
  std::string out;
  append_json_string(text, out);  // TOML's basic strings know the same escapes
  return out;
}

std::string range_text(std::uint64_t min, std::uint64_t max) {
  return std::to_string(min) + " … " + std::to_string(max);
}

}  // namespace

struct ConfigKey {
  static std::string section(std::string_view name) {
    return std::string(name.substr(0, name.find('.')));
  }
  static std::string leaf(std::string_view name) {
    return std::string(name.substr(name.find('.') + 1));
  }
  static std::string environment(std::string_view name) {
    std::string out = "PARLEY_";
    for (const char c : name)
      out += c == '.' ? '_' : static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
    return out;
  }
};

void Config::text(std::string key, std::string* value, std::string doc) {
  keys_.push_back({std::move(key), std::move(doc), value});
}

void Config::number(std::string key, std::uint64_t* value, std::uint64_t min, std::uint64_t max,
                    std::string doc) {
  keys_.push_back({std::move(key), std::move(doc), Number{value, min, max}});
}

void Config::flag(std::string key, bool* value, std::string doc) {
  keys_.push_back({std::move(key), std::move(doc), value});
}

void Config::list(std::string key, std::vector<std::string>* value, std::string doc) {
  keys_.push_back({std::move(key), std::move(doc), value});
}

Status Config::load_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream content;
  content << file.rdbuf();
  if (!file || !content) return fail(Errc::config, path + ": cannot be read");
  return load_text(content.str(), path);
}

namespace {

// Puts a TOML value into a key's variable; says what was expected if it does not fit.
struct Assign {
  const toml::node& node;

  std::optional<std::string> operator()(std::string* out) const {
    const auto value = node.value_exact<std::string>();
    if (!value) return "expected a text in quotes";
    *out = *value;
    return std::nullopt;
  }
  std::optional<std::string> operator()(bool* out) const {
    const auto value = node.value_exact<bool>();
    if (!value) return "expected true or false";
    *out = *value;
    return std::nullopt;
  }
  std::optional<std::string> operator()(std::vector<std::string>* out) const {
    const toml::array* array = node.as_array();
    if (array == nullptr) return "expected a list of texts";
    std::vector<std::string> values;
    for (const toml::node& element : *array) {
      const auto value = element.value_exact<std::string>();
      if (!value) return "expected a list of texts";
      values.push_back(*value);
    }
    *out = std::move(values);
    return std::nullopt;
  }
  template <typename Number>
  requires requires(Number n) { n.min; }
  std::optional<std::string> operator()(const Number& number) const {
    const auto value = node.value_exact<std::int64_t>();
    if (!value) return "expected a whole number";
    if (*value < 0 || static_cast<std::uint64_t>(*value) < number.min ||
        static_cast<std::uint64_t>(*value) > number.max)
      return "must be within " + range_text(number.min, number.max);
    *number.value = static_cast<std::uint64_t>(*value);
    return std::nullopt;
  }
};

}  // namespace

Status Config::load_text(std::string_view toml, const std::string& origin) {
  const auto refuse = [&origin](const toml::source_region& where, const std::string& what) {
    return fail(Errc::config, origin + ":" + std::to_string(where.begin.line) + ": " + what);
  };
  const auto find = [this](const std::string& name) {
    return std::find_if(keys_.begin(), keys_.end(), [&](const Key& k) { return k.name == name; });
  };
  const auto suggestion = [this](const std::string& name) -> std::string {
    const auto closest =
        std::min_element(keys_.begin(), keys_.end(), [&](const Key& a, const Key& b) {
          return edit_distance(a.name, name) < edit_distance(b.name, name);
        });
    if (closest == keys_.end() || edit_distance(closest->name, name) > typo_distance_max) return "";
    return " (did you mean " + closest->name + "?)";
  };
  try {
    const toml::table root = toml::parse(toml, origin);
    for (const auto& [section, node] : root) {
      const toml::table* table = node.as_table();
      const std::string section_name(section.str());
      if (table == nullptr)
        return refuse(node.source(), "unknown key " + section_name + suggestion(section_name));
      for (const auto& [leaf, value] : *table) {
        const std::string name = section_name + "." + std::string(leaf.str());
        const auto key = find(name);
        if (key == keys_.end())
          return refuse(value.source(), "unknown key " + name + suggestion(name));
        if (const auto problem = std::visit(Assign{value}, key->target))
          return refuse(value.source(), name + ": " + *problem);
      }
    }
  } catch (const toml::parse_error& e) {
    return refuse(e.source(), std::string(e.description()));
  }
  return {};
}

Status Config::load_environment(const char* const* environment) {
  for (; *environment != nullptr; ++environment) {
    const std::string_view entry(*environment);
    if (!entry.starts_with("PARLEY_")) continue;
    const std::string_view name = entry.substr(0, entry.find('='));
    const std::string_view value = entry.substr(std::min(entry.size(), name.size() + 1));
    const auto key = std::find_if(keys_.begin(), keys_.end(), [&](const Key& k) {
      return ConfigKey::environment(k.name) == name;
    });
    // Tests and scripts have variables of their own; only a known section makes a typo likely.
    const bool ours = std::any_of(keys_.begin(), keys_.end(), [&](const Key& k) {
      return name.starts_with(ConfigKey::environment(ConfigKey::section(k.name)) + "_");
    });
    if (key == keys_.end() && !ours) continue;
    if (key == keys_.end()) return fail(Errc::config, std::string(name) + ": names no key");
    if (value.empty()) return fail(Errc::config, std::string(name) + ": is empty");
    std::string literal(value);
    if (std::holds_alternative<std::string*>(key->target)) literal = quoted(value);
    if (std::holds_alternative<std::vector<std::string>*>(key->target)) {
      literal = "[";
      std::stringstream parts{std::string(value)};
      for (std::string part; std::getline(parts, part, ',');) literal += quoted(part) + ",";
      literal += "]";
    }
    PARLEY_CHECK(load_text("[" + ConfigKey::section(key->name) + "]\n" +
                               ConfigKey::leaf(key->name) + " = " + literal + "\n",
                           std::string(name)));
  }
  return {};
}

namespace {

struct Print {
  std::string operator()(const std::string* value) const { return quoted(*value); }
  std::string operator()(const bool* value) const { return *value ? "true" : "false"; }
  std::string operator()(const std::vector<std::string>* values) const {
    std::string out = "[";
    for (const std::string& value : *values) {
      if (out.size() > 1) out += ", ";
      out += quoted(value);
    }
    return out + "]";
  }
  template <typename Number>
  requires requires(Number n) { n.min; }
  std::string operator()(const Number& number) const { return std::to_string(*number.value); }
};

}  // namespace

std::string Config::print() const {
  std::string out;
  std::string section;
  for (const Key& key : keys_) {
    if (const std::string s = ConfigKey::section(key.name); s != section) {
      out += (out.empty() ? "[" : "\n[") + s + "]\n";
      section = s;
    }
    out += "# " + key.doc;
    if (const auto* number = std::get_if<Number>(&key.target))
      out += " (" + range_text(number->min, number->max) + ")";
    out += "\n" + ConfigKey::leaf(key.name) + " = " + std::visit(Print{}, key.target) + "\n";
  }
  return out;
}

}  // namespace parley
