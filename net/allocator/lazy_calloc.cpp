// calloc that leaves large blocks untouched. Linked into programs that take memory from tcmalloc.
//
// tcmalloc writes zeros over all that calloc returns, for it cannot know what is fresh. LMDB asks
// for 2 MiB in this way for each environment and hardly uses them: 500 empty collections took a
// gigabyte. Here the pages of a large block are given back to the system, which brings them in
// anew, and zero, when they are first touched.
#include <sys/mman.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>

extern "C" {
// tcmalloc's own names (gperftools/tcmalloc.h).
void* tc_malloc(size_t bytes);
void* tc_calloc(size_t count, size_t size);
}

namespace {

constexpr size_t kPageBytes = 4'096;
// For less than this the system call costs more than the zeros.
constexpr size_t kLazyBytesMin = 256u << 10;

}  // namespace

extern "C" void* calloc(size_t count, size_t size) {
  size_t bytes = 0;
  if (__builtin_mul_overflow(count, size, &bytes)) {
    errno = ENOMEM;
    return nullptr;
  }
  if (bytes < kLazyBytesMin) return tc_calloc(count, size);
  char* const block = static_cast<char*>(tc_malloc(bytes));
  if (block == nullptr) return nullptr;
  const auto begin = reinterpret_cast<uintptr_t>(block);
  const uintptr_t pages_begin = (begin + kPageBytes - 1) / kPageBytes * kPageBytes;
  const uintptr_t pages_end = (begin + bytes) / kPageBytes * kPageBytes;
  const size_t head_bytes = pages_begin - begin;
  const size_t tail_bytes = begin + bytes - pages_end;
  if (madvise(block + head_bytes, pages_end - pages_begin, MADV_DONTNEED) != 0) {
    return std::memset(block, 0, bytes);
  }
  std::memset(block, 0, head_bytes);
  std::memset(block + bytes - tail_bytes, 0, tail_bytes);
  return block;
}
