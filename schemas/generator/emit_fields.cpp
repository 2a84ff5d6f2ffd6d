#include <fmt/core.h>

#include "schemas/generator/emit.h"

namespace vectron::generator {
namespace {

std::string enum_names(const Contract& contract, const Enumeration& declaration) {
  std::string names;
  for (const EnumValue& value : declaration.values) {
    names += fmt::format("{}\"{}\"", names.empty() ? "" : ", ", value.name);
  }
  return fmt::format(
      "template <>\nstruct EnumNames<{0}::{1}> {{\n"
      "  static constexpr std::array<std::string_view, {2}> values = {{{3}}};\n}};\n\n",
      contract.namespace_name, declaration.name, declaration.values.size(), names);
}

std::string visit_function(const Table& table) {
  std::string out = fmt::format(
      "template <typename Message, typename Visitor>\n"
      "  requires std::same_as<std::remove_const_t<Message>, {}>\n"
      "void visit_fields([[maybe_unused]] Message& message, [[maybe_unused]] Visitor&& visit) {{\n",
      table.name);
  for (const Field& field : table.fields) {
    out += fmt::format("  visit(FieldRow{{\"{0}\", {1}, {2}, {3}, {4}}}, message.{0});\n",
                       field.name, field.required, field.flexbuffer, field.needed, field.text_too);
  }
  return out + "}\n\n";
}

}  // namespace

std::string emit_fields(const Contract& contract) {
  std::string out = file_head(contract, "The fields of messages, by name.", true);
  out += "#include <array>\n#include <concepts>\n#include <type_traits>\n\n";
  out += fmt::format("#include \"schemas/fields.h\"\n#include \"schemas/{}_messages.h\"\n",
                     contract.file);
  for (const std::string& include : contract.includes) {
    out += fmt::format("#include \"schemas/{}_fields.h\"\n", include);
  }
  out += "\nnamespace vectron {\n\n";
  for (const Enumeration& declaration : contract.enumerations) {
    out += enum_names(contract, declaration);
  }
  out += fmt::format("}}  // namespace vectron\n\nnamespace vectron::{} {{\n\n",
                     contract.namespace_name);
  std::string list;
  for (const Table& table : contract.tables) {
    out += visit_function(table);
    list += fmt::format("{}\n    {}", list.empty() ? "" : ",", table.name);
  }
  std::string name = contract.file;
  name[0] = static_cast<char>(name[0] - 'a' + 'A');
  out += fmt::format("using {}MessageList = MessageList<{}>;\n", name, list);
  return out + fmt::format("\n}}  // namespace vectron::{}\n", contract.namespace_name);
}

}  // namespace vectron::generator
