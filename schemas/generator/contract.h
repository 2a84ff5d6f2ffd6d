// The content of one schema file, as the generator needs it: read from the reflection (.bfbs) that
// flatc makes.
//
// Owned by main(); the emit_*.cpp files only read it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace vectron::generator {

enum class Shape { scalar, boolean, enumeration, text, table };

/// The type of a field, or of the elements of a vector.
struct Type {
  Shape shape = Shape::scalar;
  /// "uint64_t", "wire::Distance", "std::string", ...
  std::string cpp;
  /// The type in flatc's C++ header, for enumerations and tables.
  std::string flat;
  /// Of a scalar.
  size_t size_bytes = 0;
  /// The largest value of an enumeration.
  int64_t enum_max = 0;
};

struct Field {
  std::string name;
  std::vector<std::string> docs;
  Type type;
  bool vector = false;
  bool required = false;
  /// May be absent: std::optional.
  bool optional = false;
  /// Bytes that must be a valid FlexBuffer.
  bool flexbuffer = false;
  /// HTTP refuses a request without it, as with `required`.
  bool needed = false;
  /// A number that JSON may also say as a text.
  bool text_too = false;
  /// Of a number, or of a length; empty for no bound.
  std::string at_least;
  std::string at_most;
  /// The default as a C++ literal; empty where there is none.
  std::string initial;

  bool bytes() const { return vector && type.shape == Shape::scalar && type.cpp == "uint8_t"; }
};

struct Table {
  /// Without its namespace.
  std::string name;
  std::vector<std::string> docs;
  /// In the order of their ids.
  std::vector<Field> fields;
};

struct EnumValue {
  std::string name;
  std::vector<std::string> docs;
  int64_t value = 0;
};

struct Enumeration {
  std::string name;
  std::string underlying;
  std::vector<std::string> docs;
  std::vector<EnumValue> values;
};

struct Method {
  /// As in the schema, "CreateCollection".
  std::string name;
  /// In snake_case, with '_' after a word that C++ keeps.
  std::string cpp_name;
  /// A table of the same file.
  std::string request;
  /// A table of the same file.
  std::string reply;
  /// Never empty.
  std::string permission;
  /// "POST /v1/..."; empty for none.
  std::string http;
  /// An enumerator of rpc::MethodKind.
  std::string kind;
  bool read_only = false;
  /// FNV-1a of "Service.Method".
  uint32_t id = 0;
  std::vector<std::string> docs;
};

struct Service {
  /// "WorkerService".
  std::string name;
  /// "Worker".
  std::string short_name;
  std::vector<std::string> docs;
  /// In the order of their names, as reflection has them.
  std::vector<Method> methods;
};

struct Contract {
  /// "worker".
  std::string file;
  /// "wire": the part after "vectron."
  std::string namespace_name;
  /// Files whose types this one uses: "model".
  std::vector<std::string> includes;
  std::vector<Enumeration> enumerations;
  /// Each after the tables that it contains.
  std::vector<Table> tables;
  std::vector<Service> services;
};

/// Reads the .bfbs at `path`, made from `<file>.fbs`. Exits with a message when the schema uses
/// what the generator does not know.
Contract load_contract(const std::string& path, const std::string& file);

/// Prints why the schema cannot be used and exits.
[[noreturn]] void refuse(const std::string& why);

}  // namespace vectron::generator
