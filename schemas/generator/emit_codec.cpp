#include <fmt/core.h>

#include "schemas/generator/emit.h"

namespace vectron::generator {
namespace {

std::string pack_signature(const Table& table, const std::string& flat) {
  return fmt::format(
      "flatbuffers::Offset<{}> pack(flatbuffers::FlatBufferBuilder& builder, const {}& message)",
      flat, table.name);
}

bool nested(const Field& field) {
  return field.vector || field.type.shape == Shape::text || field.type.shape == Shape::table;
}

/// The expression that makes the offset of a nested field.
std::string offset_expression(const Field& field) {
  const std::string value = "message." + field.name;
  if (!field.vector && field.type.shape == Shape::text)
    return fmt::format("builder.CreateString({})", value);
  if (!field.vector) return fmt::format("pack(builder, {}{})", field.optional ? "*" : "", value);
  switch (field.type.shape) {
    case Shape::table:
      return fmt::format("pack_tables<{}>(builder, {})", field.type.flat, value);
    case Shape::text:
      return fmt::format("builder.CreateVectorOfStrings({})", value);
    case Shape::boolean:
      return fmt::format("builder.CreateVector({})", value);
    default:
      return fmt::format("builder.CreateVector({0}.data(), {0}.size())", value);
  }
}

std::string flat_vector_element(const Field& field) {
  switch (field.type.shape) {
    case Shape::table:
      return fmt::format("flatbuffers::Offset<{}>", field.type.flat);
    case Shape::text:
      return "flatbuffers::Offset<flatbuffers::String>";
    case Shape::boolean:
      return "uint8_t";
    default:
      return field.type.cpp;
  }
}

std::string offset_type(const Field& field) {
  if (field.vector) return fmt::format("flatbuffers::Vector<{}>", flat_vector_element(field));
  return field.type.shape == Shape::text ? "flatbuffers::String" : field.type.flat;
}

std::string pack_nested(const Field& field) {
  std::string out =
      fmt::format("  flatbuffers::Offset<{}> {}_at;\n", offset_type(field), field.name);
  std::string guard;
  if (field.optional) {
    guard = fmt::format("if (message.{}.has_value()) ", field.name);
  } else if (!field.required) {
    guard = fmt::format("if (!message.{}.empty()) ", field.name);
  }
  return out + fmt::format("  {}{}_at = {};\n", guard, field.name, offset_expression(field));
}

std::string add_field(const Field& field) {
  if (nested(field)) return fmt::format("  table.add_{0}({0}_at);\n", field.name);
  const std::string value = fmt::format("{}message.{}", field.optional ? "*" : "", field.name);
  const std::string argument = field.type.shape == Shape::enumeration
                                   ? fmt::format("static_cast<{}>({})", field.type.flat, value)
                                   : value;
  const std::string guard =
      field.optional ? fmt::format("if (message.{}.has_value()) ", field.name) : std::string();
  return fmt::format("  {}table.add_{}({});\n", guard, field.name, argument);
}

std::string pack_function(const Table& table, const std::string& flat) {
  const bool empty = table.fields.empty();
  std::string out = fmt::format(
      "flatbuffers::Offset<{}> pack(flatbuffers::FlatBufferBuilder& builder,\n"
      "    const {}&{}) {{\n",
      flat, table.name, empty ? "" : " message");
  for (const Field& field : table.fields) {
    if (nested(field)) out += pack_nested(field);
  }
  out += fmt::format("  {}Builder table(builder);\n", flat);
  for (const Field& field : table.fields) out += add_field(field);
  return out + "  return table.Finish();\n}\n\n";
}

std::string unpack_call(const Field& field) {
  const std::string from = fmt::format("table.{}()", field.name);
  const std::string to = fmt::format("&message->{}", field.name);
  const std::string rest = fmt::format(
      "\"{}\", {}", field.name, field.required ? "Presence::required" : "Presence::optional");
  if (field.vector) {
    const std::string call = field.type.shape == Shape::table     ? "tables"
                             : field.type.shape == Shape::text    ? "texts"
                             : field.type.shape == Shape::boolean ? "booleans"
                             : field.flexbuffer                   ? "flexbuffer"
                                                                  : "scalars";
    return fmt::format("reader.{}({}, {}, {})", call, from, to, rest);
  }
  if (field.type.shape == Shape::text)
    return fmt::format("reader.text({}, {}, {})", from, to, rest);
  if (field.type.shape == Shape::table && field.required) {
    return fmt::format("reader.table({}, {}, \"{}\")", from, to, field.name);
  }
  if (field.type.shape == Shape::table) {
    return fmt::format("reader.optional_table({}, {}, \"{}\")", from, to, field.name);
  }
  return fmt::format("reader.enumeration({}, {}, {}, \"{}\")", from, to, field.type.enum_max,
                     field.name);
}

std::string unpack_function(const Table& table, const std::string& flat) {
  std::string copies;
  std::string calls;
  for (const Field& field : table.fields) {
    const bool plain = !nested(field) && field.type.shape != Shape::enumeration;
    if (plain && field.optional) {
      copies +=
          fmt::format("  if (const auto value = table.{0}()) message->{0} = *value;\n", field.name);
    } else if (plain) {
      copies += fmt::format("  message->{0} = table.{0}();\n", field.name);
    } else {
      calls += fmt::format("{}{}", calls.empty() ? "" : " &&\n         ", unpack_call(field));
    }
  }
  const bool empty = table.fields.empty();
  return fmt::format("bool unpack(MessageReader&{}, const {}&{}, {}*{}) {{\n{}  return {};\n}}\n\n",
                     calls.empty() ? "" : " reader", flat, empty ? "" : " table", table.name,
                     empty ? "" : " message", copies, calls.empty() ? "true" : calls);
}

std::string size_term(const Field& field) {
  const std::string value = "message." + field.name;
  if (field.vector && field.type.shape == Shape::table)
    return fmt::format(" + sizes_hint({})", value);
  if (field.vector && field.type.shape == Shape::text)
    return fmt::format(" + texts_hint({})", value);
  if (field.vector) return fmt::format(" + {}.size() * {}", value, field.type.size_bytes);
  if (field.type.shape == Shape::text) return fmt::format(" + {}.size()", value);
  if (field.optional) return fmt::format(" + ({0}.has_value() ? size_hint(*{0}) : 0)", value);
  return fmt::format(" + size_hint({})", value);
}

/// An upper estimate of the encoded size, so that the builder takes its memory once.
std::string size_function(const Table& table) {
  std::string terms;
  for (const Field& field : table.fields) {
    if (nested(field)) terms += size_term(field);
  }
  return fmt::format("size_t size_hint(const {}&{}) {{\n  return {}{};\n}}\n\n", table.name,
                     terms.empty() ? "" : " message", 32 + table.fields.size() * 24, terms);
}

}  // namespace

std::string emit_pack_header(const Contract& contract) {
  std::string out = file_head(contract, "Packing of tables, for codec sources only.", true);
  out += fmt::format("#include \"flat/{}_generated.h\"\n", contract.file);
  out += fmt::format("#include \"schemas/message_reader.h\"\n#include \"schemas/{}_messages.h\"\n",
                     contract.file);
  out += fmt::format("\nnamespace vectron::{} {{\n\n", contract.namespace_name);
  for (const Table& table : contract.tables) {
    const std::string flat =
        fmt::format("vectron_flat::{}::{}", contract.namespace_name, table.name);
    out += fmt::format("{};\n", pack_signature(table, flat));
    out += fmt::format("bool unpack(MessageReader& reader, const {}& table, {}* message);\n", flat,
                       table.name);
  }
  return out + fmt::format("\n}}  // namespace vectron::{}\n", contract.namespace_name);
}

std::string emit_codec(const Contract& contract) {
  std::string out = file_head(contract, "Encoding and decoding of messages.", false);
  out += fmt::format("#include \"schemas/{}_messages.h\"\n\n#include \"schemas/{}_pack.h\"\n",
                     contract.file, contract.file);
  out += "#include \"schemas/message_writer.h\"\n";
  for (const std::string& include : contract.includes) {
    out += fmt::format("#include \"schemas/{}_pack.h\"\n", include);
  }
  out += fmt::format("\nnamespace vectron::{} {{\n\n", contract.namespace_name);
  for (const Table& table : contract.tables) {
    const std::string flat =
        fmt::format("vectron_flat::{}::{}", contract.namespace_name, table.name);
    out += size_function(table) + pack_function(table, flat) + unpack_function(table, flat);
    out += fmt::format("Bytes encode(const {}& message) {{ return encode_root(message); }}\n\n",
                       table.name);
  }
  out += fmt::format("}}  // namespace vectron::{}\n\nnamespace vectron {{\n\n",
                     contract.namespace_name);
  for (const Table& table : contract.tables) {
    out += fmt::format(
        "template <>\nResult<{0}::{1}> decode<{0}::{1}>(ByteView bytes) {{\n"
        "  return decode_root<vectron_flat::{0}::{1}, {0}::{1}>(bytes, \"{1}\");\n}}\n",
        contract.namespace_name, table.name);
  }
  return out + "\n}  // namespace vectron\n";
}

}  // namespace vectron::generator
