// Sequences of frames (Hellos, Raft, worker and placement calls, whole or damaged) to each role of
// a small simulated cluster: no process ends, no replica is lost, everything serves afterwards, and
// memory stays within its bound and is given back.
//
// The bytes are what sim/cluster/frame_forger.h makes connections of. All allocations of C++ are
// counted here; LMDB's maps are files.
#include <malloc.h>

#include <cstdio>
#include <cstdlib>
#include <new>

#include "sim/cluster/frame_plan.h"

namespace {

/// Of one run of the small cluster, frames and answers included.
constexpr size_t kMemoryBytesMax = size_t{256} << 20;
/// What a run may leave behind: tables that are made once.
constexpr size_t kLeftBytesMax = size_t{4} << 20;

size_t used_bytes = 0;
size_t peak_bytes = 0;

void* counted(void* block) {
  if (block == nullptr) std::abort();
  used_bytes += malloc_usable_size(block);
  if (used_bytes > peak_bytes) peak_bytes = used_bytes;
  return block;
}

void release(void* block) {
  if (block == nullptr) return;
  used_bytes -= malloc_usable_size(block);
  std::free(block);
}

}  // namespace

void* operator new(size_t size) {
  return counted(std::malloc(size));
}
void* operator new(size_t size, std::align_val_t alignment) {
  const auto step = static_cast<size_t>(alignment);
  return counted(std::aligned_alloc(step, (size + step - 1) / step * step));
}
void operator delete(void* block) noexcept {
  release(block);
}
void operator delete(void* block, size_t) noexcept {
  release(block);
}
void operator delete(void* block, std::align_val_t) noexcept {
  release(block);
}
void operator delete(void* block, size_t, std::align_val_t) noexcept {
  release(block);
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace vectron;
  const size_t before = used_bytes;
  peak_bytes = used_bytes;
  {
    const sim::RunReport report = sim::run_frames(ByteView(data, size));
    for (const sim::Violation& violation : report.violations) {
      std::fprintf(stderr, "[%.*s] %s\n", static_cast<int>(violation.oracle.size()),
                   violation.oracle.data(), violation.text.c_str());
    }
    if (!report.passed()) std::abort();
  }
  if (peak_bytes - before > kMemoryBytesMax || used_bytes > before + kLeftBytesMax) {
    std::fprintf(stderr, "memory: %zu bytes at most, %zu left\n", peak_bytes - before,
                 used_bytes - before);
    std::abort();
  }
  return 0;
}
