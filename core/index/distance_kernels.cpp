// Highway compiles this file once for each SIMD target; everything between HWY_BEFORE_NAMESPACE and
// HWY_AFTER_NAMESPACE exists that many times.

// The kernels keep arrays of registers, which targets of unknown lane count cannot.
#define HWY_DISABLED_TARGETS (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/index/distance_kernels.cpp"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
// foreach_target.h comes first.
#include <algorithm>

#include "core/index/distance_kernels.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace vectron::index::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

constexpr size_t kLanes = 32;  // virtual lanes; element i belongs to lane i % 32
using Register = hn::CappedTag<float, 16>;

struct SquaredDifference {
  template <class V>
  HWY_INLINE V operator()(V a, V b) const {
    const V difference = hn::Sub(a, b);
    return hn::Mul(difference, difference);
  }
};

struct Product {
  template <class V>
  HWY_INLINE V operator()(V a, V b) const {
    return hn::Mul(a, b);
  }
};

// Adds the upper half of the lanes to the lower half until one is left.
template <class D, class V>
HWY_INLINE float fold(D, V value) {
  if constexpr (hn::MaxLanes(D()) == 1) {
    return hn::GetLane(value);
  } else {
    const hn::Half<D> half;
    return fold(half, hn::Add(hn::LowerHalf(half, value), hn::UpperHalf(half, value)));
  }
}

// A lane that has no element left stays as it is. That equals adding a zero product, because a sum
// that began at +0 is never -0; so it does not matter how many lanes one register holds.
template <class Term>
HWY_INLINE float sum_of_terms(const float* HWY_RESTRICT a, const float* HWY_RESTRICT b,
                              size_t dimension) {
  const Register d;
  constexpr size_t kWidth = hn::MaxLanes(Register());
  constexpr size_t kRegisters = kLanes / kWidth;
  const Term term;
  hn::Vec<Register> sums[kRegisters];
  for (auto& sum : sums) sum = hn::Zero(d);

  size_t i = 0;
  for (; i + kLanes <= dimension; i += kLanes) {
    for (size_t r = 0; r < kRegisters; ++r) {
      const auto products =
          term(hn::LoadU(d, a + i + r * kWidth), hn::LoadU(d, b + i + r * kWidth));
      sums[r] = hn::Add(sums[r], products);
    }
  }
  for (size_t r = 0; r < kRegisters && i < dimension; ++r, i += kWidth) {
    const size_t left = HWY_MIN(kWidth, dimension - i);
    HWY_ALIGN float a_rest[kWidth] = {};
    HWY_ALIGN float b_rest[kWidth] = {};
    const bool whole = left == kWidth;
    if (!whole) {
      for (size_t j = 0; j < left; ++j) a_rest[j] = a[i + j], b_rest[j] = b[i + j];
    }
    const auto products =
        term(hn::LoadU(d, whole ? a + i : a_rest), hn::LoadU(d, whole ? b + i : b_rest));
    sums[r] = hn::Add(sums[r], products);
  }

  for (size_t count = kRegisters / 2; count > 0; count /= 2) {
    for (size_t r = 0; r < count; ++r) sums[r] = hn::Add(sums[r], sums[r + count]);
  }
  return fold(d, sums[0]);
}

// Overflow may give NaN (infinity minus infinity), which no order could hold: it becomes +infinity.
// Adding +0 turns -0 into +0, so that equal distances have equal bits.
HWY_INLINE float ordered(float distance) {
  return distance == distance ? distance + 0.0f : __builtin_inff();
}

float squared_l2(const float* a, const float* b, size_t dimension) {
  return ordered(sum_of_terms<SquaredDifference>(a, b, dimension));
}

float negated_inner_product(const float* a, const float* b, size_t dimension) {
  return ordered(-sum_of_terms<Product>(a, b, dimension));
}

// Of vectors of length 1: rounding may take the sum a little beyond 1, which no cosine is.
float negated_cosine(const float* a, const float* b, size_t dimension) {
  const float distance = negated_inner_product(a, b, dimension);
  return distance < -1.0f ? -1.0f : (distance > 1.0f ? 1.0f : distance);
}

}  // namespace vectron::index::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vectron::index {

HWY_EXPORT(squared_l2);
HWY_EXPORT(negated_inner_product);
HWY_EXPORT(negated_cosine);

namespace {

// Detection asks the CPU, which takes microseconds in a virtual machine: once is enough.
void detect_once() {
  if (!hwy::GetChosenTarget().IsInitialized())
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
}

}  // namespace

DistanceFunction squared_l2_kernel() {
  detect_once();
  return &HWY_DYNAMIC_DISPATCH(squared_l2);
}

DistanceFunction negated_inner_product_kernel() {
  detect_once();
  return &HWY_DYNAMIC_DISPATCH(negated_inner_product);
}

DistanceFunction negated_cosine_kernel() {
  detect_once();
  return &HWY_DYNAMIC_DISPATCH(negated_cosine);
}

std::vector<std::string> simd_targets() {
  const int64_t selected = hwy::SupportedTargets();
  hwy::SetSupportedTargetsForTest(0);
  std::vector<std::string> names;
  // Highway gives better targets lower bits.
  for (int64_t rest = hwy::SupportedTargets() & HWY_TARGETS; rest != 0; rest &= rest - 1) {
    names.emplace_back(hwy::TargetName(rest & -rest));
  }
  hwy::SetSupportedTargetsForTest(selected);
  return names;
}

bool select_simd_target(std::string_view name) {
  const std::vector<std::string> names = simd_targets();
  if (!name.empty() && std::ranges::count(names, name) == 0) return false;
  hwy::SetSupportedTargetsForTest(0);
  for (int64_t rest = hwy::SupportedTargets() & HWY_TARGETS; rest != 0; rest &= rest - 1) {
    const int64_t target = rest & -rest;
    if (hwy::TargetName(target) == name) hwy::SetSupportedTargetsForTest(target);
  }
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
  return true;
}

}  // namespace vectron::index
#endif
