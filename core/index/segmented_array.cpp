#include "core/index/segmented_array.h"

#include <sys/mman.h>

#include <cstdlib>
#include <cstring>
#include <memory>

#include "core/base/assert.h"

namespace vectron::index {

namespace {

constexpr size_t kCacheLineBytes = 64;
constexpr size_t kHugePageBytes = 2u << 20;
constexpr size_t kHugeSegmentBytesMin = 2 * kHugePageBytes;
// Smaller ones come from the heap: a mapping takes whole pages, and the system call a microsecond.
constexpr size_t kMappedSegmentBytesMin = 256u << 10;

SegmentMemory allocate_from_heap(size_t bytes) {
  const size_t rounded = (bytes + kCacheLineBytes - 1) / kCacheLineBytes * kCacheLineBytes;
  void* block = std::aligned_alloc(kCacheLineBytes, rounded);
  VECTRON_ASSERT(block != nullptr, "no memory for an index segment of {} bytes", bytes);
  std::memset(block, 0, rounded);
  return {.block = block, .first = block, .mapped_bytes = 0};
}

// Mapped memory is zero, and costs memory only as far as it is touched. (An allocator's calloc may
// touch all of it, for it cannot know that it is fresh.)
SegmentMemory map_segment(size_t bytes) {
  const bool huge = bytes >= kHugeSegmentBytesMin;
  const size_t mapped_bytes = huge ? bytes + kHugePageBytes : bytes;
  void* block = mmap(nullptr, mapped_bytes, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  VECTRON_ASSERT(block != MAP_FAILED, "no memory for an index segment of {} bytes", bytes);
  SegmentMemory memory{.block = block, .first = block, .mapped_bytes = mapped_bytes};
  if (!huge) return memory;
  size_t space = mapped_bytes;
  VECTRON_ASSERT(std::align(kHugePageBytes, bytes, memory.first, space) != nullptr);
  // Advice only: where the system declines, the walk is slower and nothing else changes.
  madvise(memory.first, bytes & ~(kHugePageBytes - 1), MADV_HUGEPAGE);
  return memory;
}

}  // namespace

SegmentMemory allocate_segment(size_t bytes) {
  return bytes < kMappedSegmentBytesMin ? allocate_from_heap(bytes) : map_segment(bytes);
}

void free_segment(SegmentMemory memory) {
  if (memory.mapped_bytes == 0) return std::free(memory.block);
  VECTRON_ASSERT(munmap(memory.block, memory.mapped_bytes) == 0);
}

}  // namespace vectron::index
