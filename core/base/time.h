// Time as types: durations in nanoseconds, and instants of two clocks that cannot be mixed up.
//
// Nothing here reads a clock; core/env/clock.h does.
#pragma once

#include <chrono>
#include <cstdint>

namespace vectron {

using Duration = std::chrono::nanoseconds;

struct MonotonicTag {
  using rep = int64_t;
  using period = std::nano;
  using duration = Duration;
};
struct WallTag {
  using rep = int64_t;
  using period = std::nano;
  using duration = Duration;
};

/// A point of a node's monotonic clock; its zero is arbitrary. Compare only within one node.
using Instant = std::chrono::time_point<MonotonicTag, Duration>;
/// A point of a node's wall clock: time since 1970-01-01 UTC. May jump.
using WallTime = std::chrono::time_point<WallTag, Duration>;

using namespace std::chrono_literals;

inline constexpr Instant kNever = Instant::max();

constexpr int64_t to_microseconds(Duration duration) {
  return std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
}
constexpr double to_seconds(Duration duration) {
  return static_cast<double>(duration.count()) / 1e9;
}

}  // namespace vectron
