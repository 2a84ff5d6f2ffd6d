// The names of fields and of enumerators, for code that treats all messages alike (tests now, JSON
// later). Each generated `*_fields.h` specialises what stands here and overloads visit_fields().
#pragma once

#include <string_view>

namespace vectron {

/// What is known of a field besides its type.
struct FieldRow {
  std::string_view name;
  /// An encoded message without it is refused.
  bool required = false;
  /// Bytes that must be a valid FlexBuffer when there are any.
  bool flexbuffer = false;
  /// JSON without it is refused.
  bool needed = false;
  /// A number that JSON may also say as a text, which is hashed to one.
  bool text_too = false;
};

/// `EnumNames<E>::values`: the names of an enumeration's values, in their order, which counts from
/// 0.
template <typename Enum>
struct EnumNames;

/// The messages of one schema file, each after those that it contains.
template <typename... Messages>
struct MessageList {};

}  // namespace vectron
