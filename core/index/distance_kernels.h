// The SIMD kernels by target: what distance.cpp picks from. Inside core/index only.
#pragma once

#include "core/index/distance.h"

namespace vectron::index {

/// The sum of squared differences, in the lane order that core/index/distance.h describes.
DistanceFunction squared_l2_kernel();
/// The negated inner product, likewise.
DistanceFunction negated_inner_product_kernel();
/// The same, kept between -1 and 1.
DistanceFunction negated_cosine_kernel();

}  // namespace vectron::index
