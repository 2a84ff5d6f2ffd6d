// The OpenAPI 3.1 document: what services/gateway/http_api.h makes of the `http` attributes, and
// http_json.h of the messages. The special forms of JSON named there are repeated here.
#include <fmt/core.h>

#include <algorithm>
#include <iterator>
#include <set>

#include "core/base/status.h"
#include "schemas/generator/emit.h"

namespace vectron::generator {
namespace {

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char letter : text) {
    if (letter == '"' || letter == '\\') out += '\\';
    out += letter;
  }
  return out + "\"";
}

// Doc comments as one line.
std::string prose(const std::vector<std::string>& docs) {
  std::string out;
  for (const std::string& doc : docs) {
    const size_t begin = doc.find_first_not_of(' ');
    if (begin == std::string::npos) continue;
    out += (out.empty() ? "" : " ") + doc.substr(begin);
  }
  return out;
}

std::string reference(const std::string& name) {
  return fmt::format("\"$ref\":\"#/components/schemas/{}\"", name);
}

std::string short_name(const std::string& qualified) {
  const size_t colon = qualified.rfind(':');
  return colon == std::string::npos ? qualified : qualified.substr(colon + 1);
}

std::string join(const std::vector<std::string>& parts) {
  std::string out;
  for (const std::string& part : parts) {
    if (!part.empty()) out += (out.empty() ? "" : ",") + part;
  }
  return out;
}

// A bound's member where there is a bound; otherwise that of the type, if it has one.
std::string bound(const std::string& name, const std::string& declared,
                  const std::string& of_type = "") {
  const std::string& value = declared.empty() ? of_type : declared;
  return value.empty() ? "" : quoted(name) + ":" + value;
}

std::string number(const char* format, const Field& field, const std::string& least,
                   const std::string& most) {
  return join({fmt::format("\"type\":\"integer\",\"format\":\"{}\"", format),
               bound("minimum", field.at_least, least), bound("maximum", field.at_most, most)});
}

// The members of the schema of a single value.
std::string scalar_members(const Field& field) {
  const Type& type = field.type;
  switch (type.shape) {
    case Shape::boolean:
      return "\"type\":\"boolean\"";
    case Shape::text:
      return join({"\"type\":\"string\"", bound("minLength", field.at_least),
                   bound("maxLength", field.at_most)});
    case Shape::enumeration:
    case Shape::table:
      return reference(short_name(type.cpp));
    case Shape::scalar:
      break;
  }
  if (type.cpp == "float") return "\"type\":\"number\",\"format\":\"float\"";
  if (type.cpp == "double") return "\"type\":\"number\",\"format\":\"double\"";
  if (type.cpp == "int64_t") return number("int64", field, "", "");
  if (type.cpp == "int8_t" || type.cpp == "int16_t" || type.cpp == "int32_t") {
    return number("int32", field, "", "");
  }
  if (type.cpp == "uint16_t") return number("int32", field, "0", "65535");
  if (type.cpp == "uint32_t") return number("int64", field, "0", "4294967295");
  if (type.cpp == "uint64_t") return number("uint64", field, "0", "");
  if (type.cpp == "uint8_t") return reference("StatusCode");
  refuse("OpenAPI has no form for " + type.cpp);
}

std::string field_members(const Field& field) {
  if (field.flexbuffer) return "";  // Any JSON.
  if (field.text_too) {
    return "\"oneOf\":[{" + scalar_members(field) +
           "},{\"type\":\"string\",\"minLength\":1,\"maxLength\":64}]";
  }
  if (!field.vector) return scalar_members(field);
  Field item = field;
  item.at_least.clear();
  item.at_most.clear();
  return join({fmt::format("\"type\":\"array\",\"items\":{{{}}}", scalar_members(item)),
               bound("minItems", field.at_least), bound("maxItems", field.at_most)});
}

std::string field_default(const Field& field) {
  if (field.vector || field.initial.empty()) return "";
  if (field.type.shape == Shape::enumeration) {
    return fmt::format("\"default\":\"{}\"", short_name(field.initial));
  }
  // A status code's default is a number in the schema, and of no use to a reader.
  return field.type.cpp == "uint8_t" ? "" : "\"default\":" + field.initial;
}

std::string field_schema(const Field& field) {
  return "{" +
         join({field_members(field), field_default(field),
               "\"description\":" + quoted(prose(field.docs))}) +
         "}";
}

// An object of the fields of `table` that are not in `without`.
std::string object_schema(const Table& table, const std::set<std::string>& without, bool closed) {
  std::vector<std::string> properties;
  std::vector<std::string> required;
  for (const Field& field : table.fields) {
    if (without.contains(field.name)) continue;
    properties.push_back(quoted(field.name) + ":" + field_schema(field));
    if (field.needed) required.push_back(quoted(field.name));
  }
  return "{" +
         join({"\"type\":\"object\"", "\"description\":" + quoted(prose(table.docs)),
               "\"properties\":{" + join(properties) + "}",
               required.empty() ? "" : "\"required\":[" + join(required) + "]",
               closed ? "\"additionalProperties\":false" : ""}) +
         "}";
}

std::string point_id_schema(const Table& table) {
  return "{\"description\":" + quoted(prose(table.docs)) +
         ",\"oneOf\":[{\"type\":\"integer\",\"format\":\"uint64\",\"minimum\":0},"
         "{\"type\":\"string\",\"minLength\":1,\"maxLength\":128}]}";
}

std::string enumeration_schema(const Enumeration& declaration) {
  std::vector<std::string> names;
  names.reserve(declaration.values.size());
  for (const EnumValue& value : declaration.values) names.push_back(quoted(value.name));
  return fmt::format("{{\"type\":\"string\",\"description\":{},\"enum\":[{}]}}",
                     quoted(prose(declaration.docs)), join(names));
}

std::string status_code_schema() {
  std::vector<std::string> names;
  names.reserve(kCodeCount);
  for (uint8_t code = 0; code < kCodeCount; ++code) {
    names.push_back(quoted(std::string(code_name(static_cast<Code>(code)))));
  }
  return R"("StatusCode":{"type":"string","description":"The name of a status code; ok for none.",)"
         "\"enum\":[" +
         join(names) + "]}";
}

std::string components(const Contract& contract) {
  std::vector<std::string> schemas = {
      status_code_schema(),
      R"("Error":{"type":"object","required":["error"],"properties":{"error":{"type":"object",)"
      R"("required":["code","message"],"properties":{"code":{"$ref":"#/components/schemas/)"
      R"(StatusCode"},"message":{"type":"string","description":"What to do about it."},)"
      R"("field":{"type":"string","description":"The field at fault, as points[3].vector."},)"
      R"("token":{"$ref":"#/components/schemas/ShardToken","description":"Of a point that does )"
      R"(not exist: at which log index that was so."}}}}})"};
  for (const Enumeration& declaration : contract.enumerations) {
    schemas.push_back(quoted(declaration.name) + ":" + enumeration_schema(declaration));
  }
  for (const Table& table : contract.tables) {
    const bool id = table.name == "PointId";
    schemas.push_back(quoted(table.name) + ":" +
                      (id ? point_id_schema(table) : object_schema(table, {}, false)));
  }
  return "{\"schemas\":{" + join(schemas) + "}}";
}

const Table& table_of(const Contract& contract, const std::string& name) {
  const auto found = std::find_if(contract.tables.begin(), contract.tables.end(),
                                  [&](const Table& table) { return table.name == name; });
  if (found == contract.tables.end()) refuse("no table " + name);
  return *found;
}

struct Route {
  /// In lower case.
  std::string verb;
  std::string path;
  std::set<std::string> parameters;
  bool has_body = false;
};

Route route_of(const Method& method) {
  const size_t space = method.http.find(' ');
  if (space == std::string::npos) refuse(method.name + ": http is \"METHOD /path\"");
  Route route{.verb = method.http.substr(0, space), .path = method.http.substr(space + 1)};
  for (char& letter : route.verb) letter = static_cast<char>(letter - 'A' + 'a');
  route.has_body = route.verb != "get" && route.verb != "delete";
  for (size_t at = route.path.find('{'); at != std::string::npos;
       at = route.path.find('{', at + 1)) {
    route.parameters.insert(route.path.substr(at + 1, route.path.find('}', at) - at - 1));
  }
  return route;
}

std::string parameter(const std::string& name, const std::string& place, const std::string& schema,
                      const std::string& description) {
  return fmt::format(
      "{{\"name\":{},\"in\":\"{}\",\"required\":{},\"schema\":{},\"description\":{}}}",
      quoted(name), place, place == "path", schema, quoted(description));
}

std::string parameters(const Table& request, const Route& route) {
  std::vector<std::string> out;
  for (const Field& field : request.fields) {
    const bool in_path = route.parameters.contains(field.name);
    const bool id = field.type.cpp == "PointId" || field.type.cpp == "api::PointId";
    const bool sayable = !field.vector && (field.type.shape != Shape::table || id);
    if (!in_path && (route.has_body || !sayable)) continue;
    const std::string schema = id ? "{\"type\":\"string\"}"
                                  : "{" + join({field_members(field), field_default(field)}) + "}";
    out.push_back(parameter(field.name, in_path ? "path" : "query", schema, prose(field.docs)));
    if (id) {
      out.push_back(parameter("id_type", "query",
                              R"({"type":"string","enum":["automatic","number","text"]})",
                              "Whether digits in the path are a number (so they are by themselves) "
                              "or a text."));
    }
  }
  out.push_back(parameter("timeout_ms", "query",
                          R"({"type":"integer","minimum":1,"maximum":4294967295})",
                          "How long the request may take, in milliseconds."));
  out.push_back(parameter("X-Request-Timeout-Ms", "header",
                          R"({"type":"integer","minimum":1,"maximum":4294967295})",
                          "The same as timeout_ms; not both."));
  return "[" + join(out) + "]";
}

std::string content(const std::string& schema) {
  return "\"content\":{\"application/json\":{\"schema\":" + schema + "}}";
}

std::string operation(const Contract& contract, const Method& method, const Route& route) {
  const Table& request = table_of(contract, method.request);
  const Table& reply = table_of(contract, method.reply);
  std::vector<std::string> members = {"\"operationId\":" + quoted(method.name),
                                      "\"description\":" + quoted(prose(method.docs)),
                                      "\"x-permission\":" + quoted(method.permission),
                                      "\"parameters\":" + parameters(request, route)};
  if (route.has_body) {
    members.push_back("\"requestBody\":{\"required\":true," +
                      content(object_schema(request, route.parameters, true)) + "}");
  }
  members.push_back("\"responses\":{\"200\":{\"description\":" + quoted(prose(reply.docs)) + "," +
                    content("{" + reference(reply.name) + "}") +
                    "},\"default\":{\"description\":\"The request failed.\"," +
                    content("{" + reference("Error") + "}") + "}}");
  return quoted(route.verb) + ":{" + join(members) + "}";
}

// What gateways offer besides the operations of the schema.
std::vector<std::string> probes() {
  struct Probe {
    const char* path;
    const char* type;
    const char* description;
  };
  constexpr Probe kProbes[] = {
      {"/", "application/json", "What this is, and where its documents are."},
      {"/healthz", "text/plain", "The process serves."},
      {"/livez", "text/plain", "The process serves."},
      {"/readyz", "text/plain", "The gateway is not stopping, and reaches the placement driver."},
      {"/metrics", "text/plain", "Counters in the text format of Prometheus."},
      {"/openapi.json", "application/json", "This document."}};
  std::vector<std::string> out;
  for (const Probe& probe : kProbes) {
    const bool text = std::string_view(probe.type) == "text/plain";
    const std::string body =
        fmt::format("\"content\":{{\"{}\":{{\"schema\":{{\"type\":\"{}\"}}}}}}", probe.type,
                    text ? "string" : "object");
    const bool ready = std::string_view(probe.path) == "/readyz";
    out.push_back(
        fmt::format("\"{}\":{{\"get\":{{\"description\":\"{}\",\"responses\":{{\"200\":{{"
                    "\"description\":\"So it "
                    "is.\",{}}}{}}}}}}}",
                    probe.path, probe.description, body,
                    ready ? ",\"503\":{\"description\":\"It is not; why.\"," + body + "}" : ""));
  }
  return out;
}

std::string paths(const Contract& contract) {
  std::vector<std::pair<std::string, std::vector<std::string>>> by_path;
  for (const Service& service : contract.services) {
    for (const Method& method : service.methods) {
      if (method.http.empty()) continue;
      const Route route = route_of(method);
      auto found = std::find_if(by_path.begin(), by_path.end(),
                                [&](const auto& entry) { return entry.first == route.path; });
      if (found == by_path.end()) found = by_path.insert(by_path.end(), {route.path, {}});
      found->second.push_back(operation(contract, method, route));
    }
  }
  std::vector<std::string> out;
  out.reserve(by_path.size());
  for (const auto& [path, operations] : by_path) {
    out.push_back(quoted(path) + ":{" + join(operations) + "}");
  }
  std::ranges::move(probes(), std::back_inserter(out));
  return "{" + join(out) + "}";
}

}  // namespace

bool has_http(const Contract& contract) {
  for (const Service& service : contract.services) {
    for (const Method& method : service.methods) {
      if (!method.http.empty()) return true;
    }
  }
  return false;
}

std::string emit_openapi_header(const Contract& contract) {
  std::string out = file_head(contract, "The methods that HTTP offers, as OpenAPI.", true);
  return out + fmt::format(
                   "#include <string_view>\n\nnamespace vectron::{0} {{\n\n"
                   "/// An OpenAPI 3.1 document. Lives as long as the program.\n"
                   "std::string_view openapi_json();\n\n}}  // namespace vectron::{0}\n",
                   contract.namespace_name);
}

std::string emit_openapi_source(const Contract& contract) {
  std::string document =
      "{\"openapi\":\"3.1.0\",\"info\":{\"title\":\"Vectron\",\"version\":\"1\"},";
  document += "\"paths\":" + paths(contract) + ",\"components\":" + components(contract) + "}";
  std::string out = file_head(contract, "The OpenAPI document.", false);
  return out + fmt::format(
                   "#include \"schemas/{0}_openapi.h\"\n\nnamespace vectron::{1} {{\n\n"
                   "std::string_view openapi_json() {{\n  return R\"openapi({2})openapi\";\n}}\n\n"
                   "}}  // namespace vectron::{1}\n",
                   contract.file, contract.namespace_name, document);
}

}  // namespace vectron::generator
