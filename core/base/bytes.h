// Byte strings, and a little-endian writer and reader for our own binary formats.
//
// The reader is for bytes that may be damaged: it never reads past its end, and it turns "bad" once
// and for all at the first attempt to, so a decoder reads all fields and asks ok() at the end.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace vectron {

static_assert(std::endian::native == std::endian::little, "formats are little-endian");

using Bytes = std::vector<uint8_t>;
using ByteView = std::span<const uint8_t>;

inline ByteView as_bytes(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}
inline std::string_view as_text(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
inline Bytes to_bytes(ByteView bytes) {
  return Bytes(bytes.begin(), bytes.end());
}

/// Appends integers (little-endian) and length-prefixed strings to a Bytes that it does not own.
class ByteWriter {
 public:
  explicit ByteWriter(Bytes& out) : out_(out) {}

  template <typename T>
    requires std::is_integral_v<T>
  void put(T value) {
    const auto* raw = reinterpret_cast<const uint8_t*>(&value);
    out_.insert(out_.end(), raw, raw + sizeof(T));
  }
  void put_raw(ByteView bytes) { out_.insert(out_.end(), bytes.begin(), bytes.end()); }
  /// A u32 length, then the bytes. Requires: fewer than 2^32 bytes.
  void put_sized(ByteView bytes) {
    put(static_cast<uint32_t>(bytes.size()));
    put_raw(bytes);
  }

 private:
  Bytes& out_;
};

/// Reads what ByteWriter wrote. Views that it returns live as long as the bytes given to it.
class ByteReader {
 public:
  explicit ByteReader(ByteView bytes) : rest_(bytes) {}

  /// True while no read went past the end.
  bool ok() const { return ok_; }
  /// True when everything was read, and nothing past it.
  bool done() const { return ok_ && rest_.empty(); }
  ByteView rest() const { return rest_; }

  template <typename T>
    requires std::is_integral_v<T>
  T get() {
    T value{};
    const ByteView raw = get_raw(sizeof(T));
    if (raw.size() == sizeof(T)) std::memcpy(&value, raw.data(), sizeof(T));
    return value;
  }
  ByteView get_raw(size_t size) {
    if (!ok_ || size > rest_.size()) {
      ok_ = false;
      return {};
    }
    const ByteView head = rest_.first(size);
    rest_ = rest_.subspan(size);
    return head;
  }
  ByteView get_sized() { return get_raw(get<uint32_t>()); }

 private:
  ByteView rest_;
  bool ok_ = true;
};

/// Whether `a` goes before `b` in an ordered store.
inline bool is_less(ByteView a, ByteView b) {
  return std::ranges::lexicographical_compare(a, b);
}

/// `value` as 8 big-endian bytes, so that byte order is numeric order (keys of an ordered store).
inline void put_big_endian(Bytes& out, uint64_t value) {
  for (int shift = 56; shift >= 0; shift -= 8) out.push_back(static_cast<uint8_t>(value >> shift));
}
/// Requires: at least 8 bytes.
inline uint64_t get_big_endian(ByteView bytes) {
  uint64_t value = 0;
  for (int i = 0; i < 8; ++i) value = value << 8 | bytes[i];
  return value;
}

}  // namespace vectron
