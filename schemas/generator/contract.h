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
  std::string cpp;        ///< "uint64_t", "wire::Distance", "std::string", ...
  std::string flat;       ///< The type in flatc's C++ header, for enumerations and tables.
  std::string pack_path;  ///< The namespace whose pack functions know a table, "wire".
  size_t size_bytes = 0;  ///< Of a scalar.
  int64_t enum_max = 0;   ///< The largest value of an enumeration.
};

struct Field {
  std::string name;
  std::vector<std::string> docs;
  Type type;
  bool vector = false;
  bool required = false;
  bool optional = false;    ///< May be absent: std::optional.
  bool flexbuffer = false;  ///< Bytes that must be a valid FlexBuffer.
  bool needed = false;      ///< HTTP refuses a request without it, as with `required`.
  bool text_too = false;    ///< A number that JSON may also say as a text.
  std::string at_least;     ///< Of a number, or of a length; empty for no bound.
  std::string at_most;
  std::string initial;  ///< The default as a C++ literal; empty where there is none.

  bool bytes() const { return vector && type.shape == Shape::scalar && type.cpp == "uint8_t"; }
};

struct Table {
  std::string name;  ///< Without its namespace.
  std::vector<std::string> docs;
  std::vector<Field> fields;  ///< In the order of their ids.
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
  std::string name;        ///< As in the schema, "CreateCollection".
  std::string cpp_name;    ///< In snake_case, with '_' after a word that C++ keeps.
  std::string request;     ///< A table of the same file.
  std::string reply;       ///< A table of the same file.
  std::string permission;  ///< Never empty.
  std::string http;        ///< "POST /v1/..."; empty for none.
  std::string kind;        ///< An enumerator of rpc::MethodKind.
  bool read_only = false;
  uint32_t id = 0;  ///< FNV-1a of "Service.Method".
  std::vector<std::string> docs;
};

struct Service {
  std::string name;        ///< "WorkerService".
  std::string short_name;  ///< "Worker".
  std::vector<std::string> docs;
  std::vector<Method> methods;  ///< In the order of their names, as reflection has them.
};

struct Contract {
  std::string file;                   ///< "worker".
  std::string namespace_name;         ///< "wire": the part after "vectron."
  std::vector<std::string> includes;  ///< Files whose types this one uses: "model".
  std::vector<Enumeration> enumerations;
  std::vector<Table> tables;  ///< Each after the tables that it contains.
  std::vector<Service> services;
};

/// Reads the .bfbs at `path`, made from `<file>.fbs`. Exits with a message when the schema uses
/// what the generator does not know.
Contract load_contract(const std::string& path, const std::string& file);

/// Prints why the schema cannot be used and exits.
[[noreturn]] void refuse(const std::string& why);

}  // namespace vectron::generator
