// How long the turns of an event loop take, counted for whoever watches the process.
//
// While a turn runs, nothing else of the process' nodes does: no request, no Raft message, no
// timer. Owned by an EventLoop, on its thread.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "core/base/time.h"

namespace vectron {

struct LoopTurns {
  /// A longer turn keeps others waiting for longer than it should.
  static constexpr Duration kLongTurn = std::chrono::milliseconds(5);
  /// Turns of at most so long, each not counted by the one before; the last counter is of the rest.
  static constexpr std::array<Duration, 7> kBuckets = {
      std::chrono::microseconds(100), std::chrono::milliseconds(1),  kLongTurn,
      std::chrono::milliseconds(10),  std::chrono::milliseconds(25), std::chrono::milliseconds(100),
      std::chrono::milliseconds(500)};

  std::array<uint64_t, kBuckets.size() + 1> counts{};
  Duration sum{};
  Duration longest{};

  void add(Duration turn) {
    const auto bucket = std::ranges::lower_bound(kBuckets, turn);
    ++counts[static_cast<size_t>(bucket - kBuckets.begin())];
    sum += turn;
    longest = std::max(longest, turn);
  }
  /// Turns that were longer than kLongTurn.
  uint64_t long_turns() const {
    uint64_t count = 0;
    for (size_t i = 0; i <= kBuckets.size(); ++i) {
      const bool is_long = i == kBuckets.size() || kBuckets[i] > kLongTurn;
      count += is_long ? counts[i] : 0;
    }
    return count;
  }
};

}  // namespace vectron
