#include "core/index/segmented_array.h"

#include <sys/mman.h>

#include <cstdlib>
#include <memory>

#include "core/base/assert.h"

namespace vectron::index {

namespace {

constexpr size_t kCacheLineBytes = 64;
constexpr size_t kHugePageBytes = 2u << 20;
constexpr size_t kHugeSegmentBytesMin = 2 * kHugePageBytes;

}  // namespace

SegmentMemory allocate_segment(size_t bytes) {
  const bool huge = bytes >= kHugeSegmentBytesMin;
  const size_t alignment = huge ? kHugePageBytes : kCacheLineBytes;
  // calloc, because it does not touch fresh pages: a large segment costs memory only as far as it
  // is filled.
  void* block = std::calloc(1, bytes + alignment);
  VECTRON_ASSERT(block != nullptr, "no memory for an index segment of {} bytes", bytes);
  void* first = block;
  size_t space = bytes + alignment;
  VECTRON_ASSERT(std::align(alignment, bytes, first, space) != nullptr);
  // Advice only: where the system declines, the walk is slower and nothing else changes.
  if (huge) madvise(first, bytes & ~(kHugePageBytes - 1), MADV_HUGEPAGE);
  return {block, first};
}

void free_segment(SegmentMemory memory) {
  std::free(memory.block);
}

}  // namespace vectron::index
