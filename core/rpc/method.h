// What is known of an RPC method: its number on the wire and the attributes of its declaration in
// schemas/*.fbs.
#pragma once

#include <cstdint>
#include <string_view>

namespace vectron::rpc {

enum class MethodKind : uint8_t {
  /// One request, one response.
  unary,
  /// One request, any number of items, an end.
  server_stream,
  /// One message, nothing comes back; may be lost.
  one_way,
};

/// A row of a generated method table; lives as long as the program.
struct MethodInfo {
  /// FNV-1a of "Service.Method"; the method's number in frames.
  uint32_t id = 0;
  std::string_view service;
  std::string_view name;
  /// What the caller must be granted.
  std::string_view permission;
  /// "POST /v1/collections"; empty when HTTP does not offer it.
  std::string_view http;
  MethodKind kind = MethodKind::unary;
  /// Changes nothing, so a lost answer is `unavailable`, never unknown.
  bool read_only = false;
};

}  // namespace vectron::rpc
