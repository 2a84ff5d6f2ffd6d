#include "core/base/random.h"

#include <bit>

namespace vectron {

uint64_t RandomStream::heavy_tail(uint64_t low, uint64_t high) {
  VECTRON_ASSERT(low <= high);
  const uint64_t span = high - low;
  const int shift = std::countl_zero(next() | 1);  // P(shift = n) = 2^-(n+1)
  const int span_bits = 64 - std::countl_zero(span | 1);
  // Most draws come from the lowest 1/16 of the span; each further bit of luck doubles the reach.
  const int reach_bits = span_bits - 4 + shift;
  const uint64_t reach =
      reach_bits >= 63 ? span : ((1ULL << (reach_bits > 0 ? reach_bits : 0)) - 1);
  const uint64_t limit = reach < span ? reach : span;
  return low + (limit == UINT64_MAX ? next() : below(limit + 1));
}

}  // namespace vectron
