// Memory that was freed and that the allocator keeps: how much there is, and giving it back.
//
// The allocator gives pages back while more is freed, and not at all once a process is quiet: what
// a burst of large answers took would stay resident for ever.
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>

namespace vectron {

/// Whole pages that are free and not given back to the system. Nothing where the allocator does not
/// tell.
std::optional<size_t> free_memory_bytes();
/// Gives about so many of them back. A system call for each run of pages; who takes memory
/// meanwhile may wait, so ask for little at a time.
void give_back_memory(size_t bytes);

/// How much of the free memory is idle. Pure.
class IdleMemory {
 public:
  /// Kept for what comes next, whatever happens.
  static constexpr size_t kSpareBytes = 16 << 20;

  /// Notes what is free, and says how much of it to give back: what has been free since the last
  /// look, but for the spare.
  size_t note(size_t free_bytes) {
    const size_t idle = std::min(free_bytes, free_before_);
    const size_t out = idle - std::min(idle, kSpareBytes);
    free_before_ = free_bytes - out;
    return out;
  }

 private:
  size_t free_before_ = 0;
};

}  // namespace vectron
