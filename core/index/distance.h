// Distances between f32 vectors, the same bits on every machine.
//
// Every kernel sums over 32 virtual lanes (element i goes to lane i % 32), multiplies and then adds
// (never fused), and folds the lanes in one fixed order. So AVX-512, AVX2, SSE4, SSSE3 and plain
// C++ agree to the last bit, and a simulation replays on another machine. The functions are pure;
// any thread may call them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace vectron::index {

/// How two vectors are compared, as a collection declares it. The numbers are part of stored
/// formats.
enum class Metric : uint8_t {
  /// Similarity: inner product of the normalised vectors; higher is better.
  cosine = 0,
  /// Similarity: inner product; higher is better.
  dot = 1,
  /// Distance: square root of the summed squares; lower is better.
  euclidean = 2,
};

/// Elements of a vector.
inline constexpr size_t kDimensionMax = 65'536;

/// A distance of two vectors of `dimension` elements (of any alignment): smaller is nearer, never
/// NaN, never -0.
using DistanceFunction = float (*)(const float* a, const float* b, size_t dimension);

/// The kernel of `metric` for this machine's best SIMD target; ask once and keep the pointer.
/// euclidean: the squared L2 distance. cosine and dot: the negated inner product (cosine: Requires
/// both normalised; never beyond 1). A distance that overflows to NaN (infinity minus infinity) is
/// +infinity. Call it while a FlushDenormals lives, as ShardIndex does.
DistanceFunction distance_function(Metric metric);

/// The distance between `a` and `b` as the index orders them. Requires: the same size; normalised
/// under cosine.
float distance_between(Metric metric, std::span<const float> a, std::span<const float> b);

/// Scales `vector` to length 1, in double precision (IEEE-exact operations only, so the same bits
/// everywhere). Returns false, and leaves it as it was, when its length is zero. Requires: finite
/// elements.
bool normalize(std::span<float> vector);

/// What a client sees for an internal distance: the similarity (cosine, dot) or the L2 distance
/// (euclidean).
float score_of(Metric metric, float distance);

/// True when `left` is better than `right`: higher for cosine and dot, lower for euclidean.
inline bool better_score(Metric metric, float left, float right) {
  return metric == Metric::euclidean ? left < right : left > right;
}

/// Names of the SIMD targets that this build has and this machine runs, best first ("AVX3", "AVX2",
/// ...).
std::vector<std::string> simd_targets();

/// Makes distance_function() answer for the target of that name from now on; empty: the best one.
/// Returns false when the machine lacks it. It is process-wide, for tests and for replays that
/// force a target; call it before any index exists.
bool select_simd_target(std::string_view name);

}  // namespace vectron::index
