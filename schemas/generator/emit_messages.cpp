#include <fmt/core.h>

#include <sstream>

#include "schemas/generator/emit.h"

namespace vectron::generator {
namespace {

constexpr size_t kColumnsMax = 100;

std::string field_type(const Field& field) {
  if (field.bytes()) return "Bytes";
  if (field.vector) return fmt::format("std::vector<{}>", field.type.cpp);
  if (field.optional) return fmt::format("std::optional<{}>", field.type.cpp);
  return field.type.cpp;
}

std::string initial(const Field& field) {
  return field.initial.empty() ? "" : " = " + field.initial;
}

std::string enumeration(const Enumeration& declaration) {
  std::string out = doc_lines(declaration.docs, "");
  out += fmt::format("enum class {} : {} {{\n", declaration.name, declaration.underlying);
  for (const EnumValue& value : declaration.values) {
    out += doc_lines(value.docs, "  ");
    out += fmt::format("  {} = {},\n", value.name, value.value);
  }
  return out + "};\n\n";
}

std::string table(const Table& table) {
  std::string out = doc_lines(table.docs, "");
  out += fmt::format("struct {} {{\n", table.name);
  for (const Field& field : table.fields) {
    out += doc_lines(field.docs, "  ");
    out += fmt::format("  {} {}{};\n", field_type(field), field.name, initial(field));
  }
  if (!table.fields.empty()) out += "\n";
  return out + fmt::format("  bool operator==(const {}&) const = default;\n}};\n\n", table.name);
}

}  // namespace

std::string file_head(const Contract& contract, const std::string& what, bool header) {
  return fmt::format(
      "// {}\n// Generated from schemas/{}.fbs by schemas/generator; not to be edited.\n{}\n", what,
      contract.file, header ? "#pragma once\n" : "");
}

std::string doc_lines(const std::vector<std::string>& docs, const std::string& indent) {
  const std::string start = indent + "///";
  std::string out;
  std::string line = start;
  for (const std::string& doc : docs) {
    std::istringstream words(doc);
    for (std::string word; words >> word;) {
      if (line.size() + 1 + word.size() > kColumnsMax) {
        out += line + "\n";
        line = start;
      }
      line += " " + word;
    }
  }
  return line == start ? out : out + line + "\n";
}

std::string emit_messages(const Contract& contract) {
  std::string out = file_head(contract, "Messages as plain structs, and their encoding.", true);
  out += "#include <cstdint>\n#include <optional>\n#include <string>\n#include <vector>\n\n";
  out += "#include \"core/base/bytes.h\"\n#include \"schemas/codec.h\"\n";
  for (const std::string& include : contract.includes) {
    out += fmt::format("#include \"schemas/{}_messages.h\"\n", include);
  }
  out += fmt::format("\nnamespace vectron::{} {{\n\n", contract.namespace_name);
  for (const Enumeration& declaration : contract.enumerations) out += enumeration(declaration);
  for (const Table& declaration : contract.tables) out += table(declaration);
  for (const Table& declaration : contract.tables) {
    out += fmt::format("Bytes encode(const {}& message);\n", declaration.name);
    out += fmt::format("size_t size_hint(const {}& message);\n", declaration.name);
  }
  out += fmt::format("\n}}  // namespace vectron::{}\n\nnamespace vectron {{\n\n",
                     contract.namespace_name);
  for (const Table& declaration : contract.tables) {
    const std::string type = contract.namespace_name + "::" + declaration.name;
    out += fmt::format("template <>\nResult<{0}> decode<{0}>(ByteView bytes);\n", type);
  }
  return out + "\n}  // namespace vectron\n";
}

}  // namespace vectron::generator
