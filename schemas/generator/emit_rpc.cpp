#include <fmt/core.h>

#include "schemas/generator/emit.h"

namespace vectron::generator {
namespace {

std::string lower(const std::string& name) {
  std::string out;
  for (const char letter : name) {
    const bool upper = letter >= 'A' && letter <= 'Z';
    if (upper && !out.empty()) out += '_';
    out += upper ? static_cast<char>(letter - 'A' + 'a') : letter;
  }
  return out;
}

std::string method_constant(const Service& service, const Method& method) {
  std::string out = "k" + service.short_name;
  bool upper = true;
  for (const char letter : method.name) {
    if (letter == '_') {
      upper = true;
      continue;
    }
    out += upper && letter >= 'a' && letter <= 'z' ? static_cast<char>(letter - 'a' + 'A') : letter;
    upper = false;
  }
  return out + "Method";
}

std::string method_rows(const Service& service) {
  std::string out;
  for (const Method& method : service.methods) {
    out += doc_lines(method.docs, "");
    out += fmt::format(
        "inline constexpr rpc::MethodInfo {} = {{\n    .id = {:#010x}, .service = \"{}\", .name = "
        "\"{}\",\n"
        "    .permission = \"{}\", .http = \"{}\",\n    .kind = rpc::MethodKind::{}, .read_only = "
        "{}}};\n",
        method_constant(service, method), method.id, service.name, method.name, method.permission,
        method.http, method.kind, method.read_only);
  }
  out += fmt::format("\n/// The methods of {}, in the order of their names.\n", service.name);
  out +=
      fmt::format("std::span<const rpc::MethodInfo* const> {}_methods();\n\n", lower(service.name));
  return out;
}

std::string client_method(const Service& service, const Method& method) {
  std::string out = doc_lines(method.docs, "  ");
  const std::string constant = method_constant(service, method);
  if (method.kind == "one_way") {
    out += "  /// Never waits; false when the message was dropped because the queue is full.\n";
    return out + fmt::format(
                     "  bool {}(const {}& request) {{\n"
                     "    return rpc::send_one_way(*channel_, {}, request);\n  }}\n",
                     method.cpp_name, method.request, constant);
  }
  if (method.kind == "server_stream") {
    return out +
           fmt::format(
               "  Result<rpc::StreamReader<{0}>> {1}(const RequestContext& context, const {2}& "
               "request) {{\n"
               "    return rpc::open_stream<{0}, {2}>(channel_, {3}, context, request);\n  }}\n",
               method.reply, method.cpp_name, method.request, constant);
  }
  return out + fmt::format(
                   "  Task<Result<{0}>> {1}(RequestContext context, {2} request) {{\n"
                   "    return rpc::call<{0}, {2}>(channel_, &{3}, std::move(context), "
                   "std::move(request));\n"
                   "  }}\n",
                   method.reply, method.cpp_name, method.request, constant);
}

std::string client_class(const Service& service) {
  std::string out = fmt::format(
      "/// The client side of {}. Cheap to copy; its tasks may outlive it.\n", service.name);
  out += fmt::format(
      "class {0}Client {{\n public:\n  explicit {0}Client(std::shared_ptr<rpc::Channel> channel)"
      " : channel_(std::move(channel)) {{}}\n\n",
      service.short_name);
  for (const Method& method : service.methods) out += client_method(service, method);
  return out + "\n private:\n  std::shared_ptr<rpc::Channel> channel_;\n};\n\n";
}

std::string handler_method(const Method& method) {
  std::string out = doc_lines(method.docs, "  ");
  if (method.kind == "one_way") {
    return out + fmt::format("  virtual void {}(RequestContext context, {} request) = 0;\n",
                             method.cpp_name, method.request);
  }
  if (method.kind == "server_stream") {
    return out + fmt::format(
                     "  virtual Task<Result<void>> {}(RequestContext context, {} request,\n"
                     "                                rpc::StreamWriter<{}> stream) = 0;\n",
                     method.cpp_name, method.request, method.reply);
  }
  return out +
         fmt::format("  virtual Task<Result<{}>> {}(RequestContext context, {} request) = 0;\n",
                     method.reply, method.cpp_name, method.request);
}

std::string handler_class(const Service& service) {
  std::string out = doc_lines(service.docs, "");
  out += "/// Implemented by the server side; it outlives the rpc::Server that it is given to.\n";
  out += fmt::format("class {0}Handler {{\n public:\n  virtual ~{0}Handler() = default;\n\n",
                     service.short_name);
  for (const Method& method : service.methods) out += handler_method(method);
  out += "};\n\n";
  out += fmt::format("/// Makes `server` answer the methods of {} with `handler`.\n", service.name);
  return out + fmt::format("void serve(rpc::Server& server, {}Handler& handler);\n\n",
                           service.short_name);
}

std::string registration(const Service& service, const Method& method) {
  const std::string constant = method_constant(service, method);
  if (method.kind == "one_way") {
    return fmt::format(
        "  rpc::add_one_way<{0}>(server, {1}, [&handler](RequestContext context, {0} request) {{\n"
        "    handler.{2}(std::move(context), std::move(request));\n  }});\n",
        method.request, constant, method.cpp_name);
  }
  if (method.kind == "server_stream") {
    return fmt::format(
        "  rpc::add_stream<{0}, {3}>(\n      server, {1},\n"
        "      [&handler](RequestContext context, {0} request, rpc::StreamWriter<{3}> stream) {{\n"
        "        return handler.{2}(std::move(context), std::move(request), std::move(stream));\n"
        "      }});\n",
        method.request, constant, method.cpp_name, method.reply);
  }
  return fmt::format(
      "  rpc::add_unary<{0}, {3}>(server, {1}, [&handler](RequestContext context, {0} request) {{\n"
      "    return handler.{2}(std::move(context), std::move(request));\n  }});\n",
      method.request, constant, method.cpp_name, method.reply);
}

}  // namespace

std::string emit_rpc_header(const Contract& contract) {
  std::string out =
      file_head(contract, "Typed RPC: a client, a handler and the methods of each service.", true);
  out += "#include <memory>\n#include <span>\n\n";
  out += fmt::format("#include \"schemas/typed_rpc.h\"\n#include \"schemas/{}_messages.h\"\n",
                     contract.file);
  out += fmt::format("\nnamespace vectron::{} {{\n\n", contract.namespace_name);
  for (const Service& service : contract.services) {
    out += method_rows(service) + client_class(service) + handler_class(service);
  }
  return out + fmt::format("}}  // namespace vectron::{}\n", contract.namespace_name);
}

std::string emit_rpc_source(const Contract& contract) {
  std::string out = file_head(contract, "Registration of typed handlers.", false);
  out += fmt::format("#include \"schemas/{}_rpc.h\"\n\n#include <array>\n", contract.file);
  out += fmt::format("\nnamespace vectron::{} {{\n\n", contract.namespace_name);
  for (const Service& service : contract.services) {
    out += fmt::format("std::span<const rpc::MethodInfo* const> {}_methods() {{\n",
                       lower(service.name));
    out += fmt::format("  static constexpr std::array<const rpc::MethodInfo*, {}> kMethods = {{\n",
                       service.methods.size());
    for (const Method& method : service.methods)
      out += fmt::format("      &{},\n", method_constant(service, method));
    out += "  };\n  return kMethods;\n}\n\n";
    out +=
        fmt::format("void serve(rpc::Server& server, {}Handler& handler) {{\n", service.short_name);
    for (const Method& method : service.methods) out += registration(service, method);
    out += "}\n\n";
  }
  return out + fmt::format("}}  // namespace vectron::{}\n", contract.namespace_name);
}

}  // namespace vectron::generator
