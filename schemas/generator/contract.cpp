#include "schemas/generator/contract.h"

#include <flatbuffers/reflection_generated.h>
#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>
#include <map>
#include <set>

namespace vectron::generator {
namespace {

using reflection::BaseType;

constexpr std::string_view kRoot = "vectron.";

std::string last_part(const std::string& name) {
  return name.substr(name.rfind('.') + 1);
}

/// "wire" of "vectron.wire.PointId".
std::string namespace_of(const std::string& name) {
  if (!name.starts_with(kRoot)) refuse(fmt::format("{} is not in a namespace of vectron", name));
  const std::string rest = name.substr(kRoot.size());
  return rest.substr(0, rest.find('.'));
}

std::string file_of(const flatbuffers::String* declaration_file) {
  if (declaration_file == nullptr) refuse("a declaration without a file");
  std::string file = declaration_file->str();
  file = file.substr(file.find_last_of('/') + 1);
  return file.substr(0, file.rfind('.'));
}

template <typename Docs>
std::vector<std::string> docs_of(const Docs* docs) {
  std::vector<std::string> out;
  if (docs == nullptr) return out;
  for (const auto* line : *docs) {
    std::string text = line->str();
    if (text.starts_with(' ')) text.erase(0, 1);
    out.push_back(text);
  }
  return out;
}

/// The value of an attribute, or null when it is not there.
template <typename Holder>
const flatbuffers::String* attribute(const Holder* holder, const char* key) {
  if (holder->attributes() == nullptr) return nullptr;
  for (const auto* pair : *holder->attributes()) {
    if (pair->key()->str() == key) return pair->value();
  }
  return nullptr;
}

struct ScalarRow {
  BaseType base;
  const char* cpp;
  size_t size_bytes;
};
constexpr std::array kScalars = {
    ScalarRow{reflection::Byte, "int8_t", 1},   ScalarRow{reflection::UByte, "uint8_t", 1},
    ScalarRow{reflection::Short, "int16_t", 2}, ScalarRow{reflection::UShort, "uint16_t", 2},
    ScalarRow{reflection::Int, "int32_t", 4},   ScalarRow{reflection::UInt, "uint32_t", 4},
    ScalarRow{reflection::Long, "int64_t", 8},  ScalarRow{reflection::ULong, "uint64_t", 8},
    ScalarRow{reflection::Float, "float", 4},   ScalarRow{reflection::Double, "double", 8},
    ScalarRow{reflection::Bool, "bool", 1},
};

const ScalarRow* scalar_row(BaseType base) {
  const auto* row = std::ranges::find(kScalars, base, &ScalarRow::base);
  return row == kScalars.end() ? nullptr : row;
}

class Loader {
 public:
  Loader(const reflection::Schema* schema, std::string file) : schema_(schema) {
    contract_.file = std::move(file);
  }

  Contract load() {
    for (const auto* declaration : *schema_->enums()) add_enumeration(declaration);
    for (const auto* object : *schema_->objects()) {
      if (file_of(object->declaration_file()) == contract_.file) add_table(object);
    }
    if (schema_->services() != nullptr) {
      for (const auto* service : *schema_->services()) {
        if (file_of(service->declaration_file()) == contract_.file) add_service(service);
      }
    }
    contract_.includes.assign(includes_.begin(), includes_.end());
    return std::move(contract_);
  }

 private:
  void enter_namespace(const std::string& name) {
    const std::string found = namespace_of(name);
    if (!contract_.namespace_name.empty() && contract_.namespace_name != found) {
      refuse(fmt::format("{}: two namespaces in one file", name));
    }
    contract_.namespace_name = found;
  }

  void add_enumeration(const reflection::Enum* declaration) {
    if (file_of(declaration->declaration_file()) != contract_.file) return;
    if (declaration->is_union()) refuse("unions are not supported: use optional tables");
    enter_namespace(declaration->name()->str());
    const ScalarRow* row = scalar_row(declaration->underlying_type()->base_type());
    Enumeration out{
        last_part(declaration->name()->str()), row->cpp, docs_of(declaration->documentation()), {}};
    for (const auto* value : *declaration->values()) {
      if (value->value() != static_cast<int64_t>(out.values.size())) {
        refuse(fmt::format("{}: values must count from 0 without a gap", out.name));
      }
      out.values.push_back({value->name()->str(), docs_of(value->documentation()), value->value()});
    }
    contract_.enumerations.push_back(std::move(out));
  }

  void add_table(const reflection::Object* object) {
    const std::string name = object->name()->str();
    if (!done_.insert(name).second) return;
    enter_namespace(name);
    if (object->is_struct()) refuse(fmt::format("{}: structs are not supported", name));
    Table out{last_part(name), docs_of(object->documentation()), {}};
    if (out.docs.empty()) refuse(fmt::format("{}: has no doc comment", name));
    std::map<uint16_t, const reflection::Field*> by_id;
    for (const auto* field : *object->fields()) by_id[field->id()] = field;
    for (const auto& [id, field] : by_id) {
      if (!field->deprecated()) out.fields.push_back(field_of(name, field));
    }
    contract_.tables.push_back(std::move(out));
  }

  Field field_of(const std::string& table, const reflection::Field* field) {
    Field out;
    out.name = field->name()->str();
    const std::string place = fmt::format("{}.{}", table, out.name);
    out.docs = docs_of(field->documentation());
    if (out.docs.empty()) refuse(fmt::format("{}: has no doc comment", place));
    out.required = field->required();
    out.flexbuffer = attribute(field, "flexbuffer") != nullptr;
    out.needed = out.required || attribute(field, "needed") != nullptr;
    out.text_too = attribute(field, "text_too") != nullptr;
    const auto text_of = [&](const char* name) {
      const auto* value = attribute(field, name);
      return value == nullptr ? std::string() : value->str();
    };
    out.at_least = text_of("at_least");
    out.at_most = text_of("at_most");
    const BaseType base = field->type()->base_type();
    out.vector = base == reflection::Vector;
    out.type = type_of(place, out.vector ? field->type()->element() : base, field->type()->index());
    const bool plain = out.type.shape == Shape::scalar || out.type.shape == Shape::boolean ||
                       out.type.shape == Shape::enumeration;
    if (out.vector && out.type.shape == Shape::enumeration) {
      refuse(fmt::format("{}: a vector of an enumeration is not supported", place));
    }
    out.optional = !out.vector && ((plain && field->optional()) ||
                                   (out.type.shape == Shape::table && !out.required));
    if (plain && !out.vector && !out.optional) out.initial = initial_of(out.type, field);
    return out;
  }

  Type type_of(const std::string& place, BaseType base, int32_t index) {
    if (base == reflection::String) return {Shape::text, "std::string", {}, 0, 0};
    if (base == reflection::Obj) return table_type(schema_->objects()->Get(index));
    const ScalarRow* row = scalar_row(base);
    if (row == nullptr) refuse(fmt::format("{}: its type is not supported", place));
    if (index >= 0) return enumeration_type(schema_->enums()->Get(index), row->size_bytes);
    const Shape shape = base == reflection::Bool ? Shape::boolean : Shape::scalar;
    return {shape, row->cpp, {}, row->size_bytes, 0};
  }

  Type table_type(const reflection::Object* object) {
    const std::string name = object->name()->str();
    note_include(file_of(object->declaration_file()));
    if (file_of(object->declaration_file()) == contract_.file) add_table(object);
    return {Shape::table, cpp_name(name), flat_name(name), 0, 0};
  }

  Type enumeration_type(const reflection::Enum* declaration, size_t size_bytes) {
    const std::string name = declaration->name()->str();
    note_include(file_of(declaration->declaration_file()));
    const int64_t max = static_cast<int64_t>(declaration->values()->size()) - 1;
    return {Shape::enumeration, cpp_name(name), flat_name(name), size_bytes, max};
  }

  /// A type of our own namespace needs no prefix.
  std::string cpp_name(const std::string& name) const {
    const std::string space = namespace_of(name);
    return space == contract_.namespace_name ? last_part(name) : space + "::" + last_part(name);
  }
  static std::string flat_name(const std::string& name) {
    return fmt::format("vectron_flat::{}::{}", namespace_of(name), last_part(name));
  }
  void note_include(const std::string& file) {
    if (file != contract_.file) includes_.insert(file);
  }

  std::string initial_of(const Type& type, const reflection::Field* field) const {
    const int64_t value = field->default_integer();
    if (type.shape == Shape::boolean) return value != 0 ? "true" : "false";
    if (type.shape == Shape::enumeration) {
      const auto* declaration = schema_->enums()->Get(field->type()->index());
      return fmt::format("{}::{}", type.cpp, declaration->values()->Get(value)->name()->str());
    }
    if (type.cpp == "float" || type.cpp == "double")
      return fmt::format("{}", field->default_real());
    if (type.cpp == "uint64_t") return fmt::format("{}", static_cast<uint64_t>(value));
    return fmt::format("{}", value);
  }

  void add_service(const reflection::Service* service) {
    const std::string name = last_part(service->name()->str());
    enter_namespace(service->name()->str());
    if (!name.ends_with("Service")) refuse(fmt::format("{}: its name must end in Service", name));
    Service out{name, name.substr(0, name.size() - 7), docs_of(service->documentation()), {}};
    std::set<uint32_t> ids;
    for (const auto* call : *service->calls()) {
      out.methods.push_back(method_of(name, call));
      if (!ids.insert(out.methods.back().id).second) refuse(name + ": two methods share an id");
    }
    contract_.services.push_back(std::move(out));
  }

  static Method method_of(const std::string& service, const reflection::RPCCall* call) {
    Method out;
    out.name = call->name()->str();
    const std::string place = fmt::format("{}.{}", service, out.name);
    out.cpp_name = snake_case(out.name);
    out.request = last_part(call->request()->name()->str());
    out.reply = last_part(call->response()->name()->str());
    out.docs = docs_of(call->documentation());
    if (out.docs.empty()) refuse(fmt::format("{}: has no doc comment", place));
    const auto* permission = attribute(call, "permission");
    if (permission == nullptr) refuse(fmt::format("{}: has no permission", place));
    out.permission = permission->str();
    if (const auto* http = attribute(call, "http")) out.http = http->str();
    const auto* streaming = attribute(call, "streaming");
    if (streaming != nullptr && streaming->str() != "server" && streaming->str() != "none") {
      refuse(fmt::format("{}: only server streams are supported", place));
    }
    const bool one_way = attribute(call, "one_way") != nullptr;
    const bool stream = streaming != nullptr && streaming->str() == "server";
    out.kind = one_way ? "one_way" : stream ? "server_stream" : "unary";
    out.read_only = attribute(call, "read_only") != nullptr;
    out.id = fnv1a(place);
    return out;
  }

  static uint32_t fnv1a(const std::string& text) {
    uint32_t hash = 2166136261U;
    for (const char letter : text) hash = (hash ^ static_cast<uint8_t>(letter)) * 16777619U;
    return hash;
  }

  static std::string snake_case(const std::string& name) {
    std::string out;
    for (const char letter : name) {
      const bool upper = letter >= 'A' && letter <= 'Z';
      if (upper && !out.empty()) out += '_';
      out += upper ? static_cast<char>(letter - 'A' + 'a') : letter;
    }
    static const std::set<std::string> kKept = {"delete", "new", "register", "export", "default"};
    return kKept.contains(out) ? out + "_" : out;
  }

  const reflection::Schema* schema_;
  Contract contract_;
  std::set<std::string> done_;
  std::set<std::string> includes_;
};

}  // namespace

Contract load_contract(const std::string& path, const std::string& file) {
  std::ifstream stream(path, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(stream), {}};
  flatbuffers::Verifier verifier(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  if (!reflection::VerifySchemaBuffer(verifier)) refuse(path + " is not a binary schema");
  return Loader(reflection::GetSchema(bytes.data()), file).load();
}

}  // namespace vectron::generator
