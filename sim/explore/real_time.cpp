#include "sim/explore/real_time.h"

#include <time.h>

namespace vectron::sim {

uint64_t wall_nanoseconds() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

}  // namespace vectron::sim
