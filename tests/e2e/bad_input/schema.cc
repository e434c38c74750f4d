#include "tests/e2e/bad_input/schema.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <regex>

#include "gateway/counts.h"
#include "tests/e2e/bad_input/descriptor.pb.h"

namespace parley::test {
namespace {

using schema_wire::FieldDescriptorProto;

std::string content_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file) << path;
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string without_package(const std::string& name) { return name.substr(name.rfind('.') + 1); }

FieldKind kind_of(const FieldDescriptorProto& field) {
  switch (field.type()) {
    case FieldDescriptorProto::TYPE_BOOL: return FieldKind::flag;
    case FieldDescriptorProto::TYPE_ENUM: return FieldKind::enumeration;
    case FieldDescriptorProto::TYPE_FIXED64: return FieldKind::fixed64;
    case FieldDescriptorProto::TYPE_STRING: return FieldKind::text;
    case FieldDescriptorProto::TYPE_BYTES: return FieldKind::bytes;
    case FieldDescriptorProto::TYPE_MESSAGE: return FieldKind::message;
    case FieldDescriptorProto::TYPE_UINT32: return FieldKind::small_integer;
    case FieldDescriptorProto::TYPE_UINT64:
    case FieldDescriptorProto::TYPE_INT64: return FieldKind::integer;
    default: break;
  }
  ADD_FAILURE() << field.name() << " has a type that no request had before: " << field.type();
  return FieldKind::integer;
}

Schema load_schema() {
  schema_wire::FileDescriptorSet files;
  EXPECT_TRUE(files.ParseFromString(content_of(PARLEY_SCHEMA_FILE)));
  Schema schema;
  for (const auto& file : files.file())
    for (const auto& message : file.message_type()) {
      std::vector<SchemaField>& fields = schema[message.name()];
      for (const FieldDescriptorProto& field : message.field())
        fields.push_back({.name = field.name(),
                          .number = static_cast<std::uint32_t>(field.number()),
                          .kind = kind_of(field),
                          .repeated = field.label() == FieldDescriptorProto::LABEL_REPEATED,
                          .message = without_package(field.type_name())});
    }
  return schema;
}

std::map<Verb, std::string> load_request_messages() {
  const char* source = std::getenv("PARLEY_TEST_SOURCE");
  EXPECT_NE(source, nullptr);
  const std::string readme = content_of(std::string(source) + "/proto/README.md");
  std::map<Verb, std::string> messages;
  for (const Verb verb : verb_numbers) {
    const std::string name(verb_info(static_cast<std::uint16_t>(verb))->name);
    std::smatch row;
    const std::regex has("\n\\| `" + std::regex_replace(name, std::regex("\\."), "\\.") +
                         "` \\| 0x[^\n]*");
    if (!std::regex_search(readme, row, has)) {
      ADD_FAILURE() << "proto/README.md has no row for " << name;
      continue;
    }
    const std::string line = row.str();
    if (std::regex_search(line, row, std::regex("`(\\w+)` → `\\w+`"))) messages[verb] = row[1];
    else EXPECT_NE(line.find("the service's own"), std::string::npos) << line;
  }
  return messages;
}

}  // namespace

const Schema& schema() {
  static const Schema the_one = load_schema();
  return the_one;
}

const std::map<Verb, std::string>& request_messages() {
  static const std::map<Verb, std::string> the_one = load_request_messages();
  return the_one;
}

}  // namespace parley::test
