// What is known of an RPC method: its number on the wire and the attributes of its declaration in
// schemas/*.fbs.
#pragma once

#include <cstdint>
#include <string_view>

namespace vectron::rpc {

enum class MethodKind : uint8_t {
  unary,          ///< One request, one response.
  server_stream,  ///< One request, any number of items, an end.
  one_way,        ///< One message, nothing comes back; may be lost.
};

/// A row of a generated method table; lives as long as the program.
struct MethodInfo {
  uint32_t id = 0;  ///< FNV-1a of "Service.Method"; the method's number in frames.
  std::string_view service;
  std::string_view name;
  std::string_view permission;  ///< What the caller must be granted.
  std::string_view http;        ///< "POST /v1/collections"; empty when HTTP does not offer it.
  MethodKind kind = MethodKind::unary;
  bool read_only = false;  ///< Changes nothing, so a lost answer is `unavailable`, never unknown.
};

}  // namespace vectron::rpc
