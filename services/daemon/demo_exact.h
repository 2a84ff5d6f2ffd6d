// The exact nearest neighbours of the demo's queries, computed apart from the database.
//
// Grey values are integers, so squared distances are too: the yardstick has no rounding.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "services/daemon/demo_dataset.h"

namespace vectron::demo {

/// The squared L2 distance of two images.
int32_t squared_distance(std::span<const uint8_t> a, std::span<const uint8_t> b);

/// For each query the squared distance of its k-th nearest point: an answer is right when it is no
/// farther. Brute force on all cores; `progress` is told, on the caller's thread, the share that is
/// done. Requires: 1 <= k <= points.count().
std::vector<int32_t> exact_radii(const Images& points, const Images& queries, size_t k,
                                 const std::function<void(double)>& progress);

/// The share of `k` places that `found` fills rightly: indexes of points, each at most once, no
/// farther from the query than `radius`.
double recall_of(const Images& points, std::span<const uint8_t> query,
                 const std::vector<uint64_t>& found, int32_t radius, size_t k);

}  // namespace vectron::demo
