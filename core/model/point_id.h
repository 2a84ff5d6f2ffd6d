// PointId: what a user calls a point by, and the key under which shards order and find it.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <variant>

#include "core/base/bytes.h"
#include "core/base/result.h"

namespace vectron {

inline constexpr size_t kPointIdTextBytesMax = 128;

/// An unsigned 64-bit number or a text of 1 to 128 bytes. 7 and "7" are two ids. Numbers order
/// before texts.
class PointId {
 public:
  PointId() = default;
  explicit PointId(uint64_t number) : value_(number) {}

  /// Errors: invalid_argument (empty, or longer than 128 bytes).
  static Result<PointId> from_text(std::string text);

  bool is_text() const { return std::holds_alternative<std::string>(value_); }
  /// Requires: !is_text().
  uint64_t number() const { return std::get<uint64_t>(value_); }
  /// Requires: is_text().
  const std::string& text() const { return std::get<std::string>(value_); }

  auto operator<=>(const PointId&) const = default;
  bool operator==(const PointId&) const = default;
  /// 7, or "7" with quotes.
  std::string to_string() const;

 private:
  std::variant<uint64_t, std::string> value_;
};

/// The hash that places a point: XXH3-64 of the id's bytes with a pinned seed. Shard maps hold
/// ranges of it.
uint64_t placement_hash(const PointId& id);

/// The point's key in a shard's store: placement_hash as 8 big-endian bytes, a tag ('n' or 't'),
/// the id's bytes (a number as 8 big-endian bytes). Byte order is (hash, id) order, which scrolling
/// and splitting follow.
Bytes point_key(const PointId& id);

/// The id inside a key made by point_key. Errors: data_loss (not such a key).
Result<PointId> point_id_of_key(ByteView key);

}  // namespace vectron
