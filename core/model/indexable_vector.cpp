#include "core/model/indexable_vector.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

namespace vectron {
namespace {

std::unexpected<Status> bad(std::string_view field, std::string message) {
  return fail(Code::invalid_argument, std::move(message), std::string(field));
}

// By bits, so that no compiler flag about floating point can change it.
bool is_finite(float value) {
  return (std::bit_cast<uint32_t>(value) & 0x7f800000U) != 0x7f800000U;
}

bool is_too_long(std::span<const float> vector, float largest) {
  constexpr double kSquaredMax = kVectorLengthMax * kVectorLengthMax;
  const double square_max = static_cast<double>(largest) * static_cast<double>(largest);
  if (square_max * static_cast<double>(vector.size()) <= kSquaredMax) return false;
  return squared_length(vector) > kSquaredMax;
}

}  // namespace

float largest_magnitude(std::span<const float> vector) {
  uint32_t bits = 0;
  for (const float component : vector) {
    bits = std::max(bits, std::bit_cast<uint32_t>(component) & 0x7fffffffU);
  }
  return std::bit_cast<float>(bits);
}

double squared_length(std::span<const float> vector) {
  double squared = 0;
  for (const float component : vector) {
    squared += static_cast<double>(component) * static_cast<double>(component);
  }
  return squared;
}

Result<void> check_indexable(std::span<const float> vector, uint32_t dimension, Distance distance,
                             std::string_view field) {
  if (vector.size() != dimension) {
    return bad(field, fmt::format("the collection's dimension is {}, this vector has {} components",
                                  dimension, vector.size()));
  }
  const float largest = largest_magnitude(vector);
  if (!is_finite(largest)) {
    const auto wrong = std::ranges::find_if_not(vector, is_finite);
    return bad(field, fmt::format("component {} is not a finite number", wrong - vector.begin()));
  }
  if (distance == Distance::cosine) {
    if (largest > 0) return {};
    return bad(field, "a zero vector has no direction, so it cannot be used under cosine");
  }
  if (!is_too_long(vector, largest)) return {};
  return bad(field, fmt::format("the vector's length (the root of its summed squares) is above "
                                "{:g}, so that its distances may not be finite: scale it down",
                                kVectorLengthMax));
}

}  // namespace vectron
