// RowCodec: what the bytes of a stored row mean.
//
// The rows of an index may be kept in more than one form. A store (core/index/vector_store.h) gives
// each form its room by what its codec says, and copies through it; a Scorer (core/index/scorer.h)
// compares the form that it knows. Pure; any thread may call it.
#pragma once

#include <concepts>
#include <cstdint>
#include <span>

#include "core/base/assert.h"
#include "core/index/distance.h"

namespace vectron::index {

/// How a vector becomes a row.
enum class RowForm : uint8_t {
  /// As it is.
  given,
  /// Of length 1. Requires: not a zero vector.
  normalized,
};

template <typename C>
concept RowCodec = requires(const C& codec, std::span<const float> vector, typename C::Element* row,
                            const typename C::Element* stored) {
  /// Elements of the vectors that it encodes.
  { codec.dimension() } -> std::same_as<uint32_t>;
  /// Elements from one row to the next.
  { codec.row_elements() } -> std::same_as<uint32_t>;
  /// Writes a row. Equal vectors become equal bytes.
  { codec.encode(vector, RowForm::given, row) };
  /// The bytes that tell a row from another: without what fills it up.
  { codec.content(stored) } -> std::same_as<std::span<const uint8_t>>;
  /// The vector again, as near as the row holds it.
  { codec.decode(stored) } -> std::convertible_to<std::span<const float>>;
};

/// A row is the vector's float32 elements.
class Float32Codec {
 public:
  using Element = float;

  explicit Float32Codec(uint32_t dimension) : dimension_(dimension) {
    VECTRON_ASSERT(dimension > 0 && dimension <= kDimensionMax, "dimension {}", dimension);
  }

  uint32_t dimension() const { return dimension_; }
  /// Rows of a cache line and more begin on one; shorter rows stay packed.
  uint32_t row_elements() const {
    if (dimension_ < kCacheLineFloats) return dimension_;
    return (dimension_ + kCacheLineFloats - 1) / kCacheLineFloats * kCacheLineFloats;
  }

  /// Requires: dimension() elements.
  void encode(std::span<const float> vector, RowForm form, float* row) const;
  std::span<const uint8_t> content(const float* row) const {
    return {reinterpret_cast<const uint8_t*>(row), dimension_ * sizeof(float)};
  }
  std::span<const float> decode(const float* row) const { return {row, dimension_}; }

 private:
  static constexpr uint32_t kCacheLineFloats = 16;

  uint32_t dimension_;
};
static_assert(RowCodec<Float32Codec>);

}  // namespace vectron::index
