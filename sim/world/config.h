// What a simulated world is made of: which faults may happen and how strongly, and the models of
// network and disk.
//
// Plain data, given to SimWorld once. The scheduled faults (partition, crash, ...) are calls on
// SimWorld, SimNetwork and SimNode instead, made by whoever plays a plan.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <string_view>

#include "core/base/time.h"
#include "core/env/log.h"
#include "sim/plan/fault_class.h"
#include "sim/world/trace.h"

namespace vectron::sim {

/// The network's nature, and the faults that can strike at any moment. A chance of zero switches a
/// thing off, and a class that WorldConfig::fault_classes lacks is off whatever stands here.
struct NetworkFaults {
  /// One-way latency of a direction between two nodes. Without class `delay` every direction has
  /// latency_min; with it each draws its own base, heavy-tailed in [latency_min, latency_max].
  Duration latency_min = 100us;
  Duration latency_max = 100us;
  /// Class delay: the chance that one write is late by a heavy-tailed time up to delay_tail_max.
  uint32_t delay_tail_ppm = 0;
  Duration delay_tail_max = 0ns;
  /// Class reset: the chance that a connection dies for each block of kResetBlockBytes that is
  /// written to it.
  uint32_t reset_ppm = 0;
  /// Class half_open: of those resets, the share that only one end learns of.
  uint32_t half_open_ppm = 0;
  /// Class short_io: the chance that one read or write is cut to a random length.
  uint32_t short_io_ppm = 0;
  /// Class stall: the chance that one write clogs its direction for a heavy-tailed time up to
  /// stall_max.
  uint32_t stall_ppm = 0;
  Duration stall_max = 0ns;
  /// Class connect: the chances that one connect is refused, or hangs until the caller gives up.
  uint32_t refuse_ppm = 0;
  uint32_t hang_ppm = 0;

  /// Latency of a node to itself.
  Duration loopback_latency = 10us;
  /// Bytes in flight and unread in one direction of a connection before its writer must wait.
  size_t window_bytes_max = 262'144;
  /// Connections that a listener has not accepted yet; further ones wait as if their packets were
  /// lost.
  size_t backlog_connections_max = 128;
  /// A connection whose bytes are not acknowledged for so long is dead for its writer
  /// (TCP_USER_TIMEOUT).
  Duration retransmission_timeout = 30s;
};

/// Class message: what becomes of one-way messages (Env::message_fate), as chances of each. Their
/// sum is at most a million.
struct MessageFaults {
  uint32_t lose_ppm = 0;
  uint32_t repeat_ppm = 0;
  /// It goes out behind later ones.
  uint32_t overtake_ppm = 0;
};

/// How long a disk takes. A device carries one transfer at a time; latency comes on top and
/// overlaps.
struct DiskModel {
  /// Names, sizes, and reads and writes of the page cache.
  Duration page_cache_latency = 2us;
  /// A sync, heavy-tailed in [min, max].
  Duration sync_latency_min = 100us;
  Duration sync_latency_max = 2ms;
  uint64_t bytes_per_second = 1'000'000'000;
  uint64_t capacity_bytes = 64ULL << 30;
};

/// One line of a node's log.
struct LogLine {
  /// The world's time, not the node's.
  Instant when;
  std::string_view node;
  LogLevel level;
  std::string_view component;
  std::string_view text;
};

/// One event of a node worked on its loop for longer than SimCpu::kTurnMax.
struct LongTurn {
  Instant when;
  std::string_view node;
  /// At least.
  Duration turn;
};

struct WorldConfig {
  /// The classes that may fire. The others are off: their calls do nothing and their chances are
  /// zero.
  FaultClassSet fault_classes = every_fault_class();
  NetworkFaults network;
  MessageFaults messages;
  DiskModel disk;

  /// The chance that a buggify point is active in this run, and that an active one fires when it is
  /// passed.
  uint32_t buggify_point_ppm = 0;
  uint32_t buggify_fire_ppm = 50'000;
  /// The planted bugs that are on (Env::planted).
  std::set<std::string, std::less<>> planted;

  /// Log lines from log_level up go there; none when it is empty. They take no part in the trace.
  std::function<void(const LogLine&)> log_sink;
  LogLevel log_level = LogLevel::info;
  /// Told of each long turn; nobody when it is empty. They take no part in the trace.
  std::function<void(const LongTurn&)> long_turn_sink;
  /// Sees every record that the trace hash folds in, in order (--trace, the first difference of two
  /// runs).
  std::function<void(const TraceRecord&)> trace_sink;

  static FaultClassSet every_fault_class() {
    FaultClassSet set;
    for (size_t i = 0; i < kFaultClassCount; ++i) set.add(static_cast<FaultClass>(i));
    return set;
  }
};

/// Cores of each machine.
inline constexpr uint32_t kNodeCores = 4;

/// The options of one machine.
struct NodeOptions {
  std::string zone = "zone-0";
  /// This node's clocks against the world's: monotonic() and wall() are ahead by this.
  Duration monotonic_offset = 0ns;
  Duration wall_offset = 0ns;
  /// Parts per thousand million by which its clocks run fast (may be negative). Class clock_skew,
  /// with wall_offset.
  int64_t drift_ppb = 0;
  /// Bytes in flight and unread of what it writes to one connection; 0: as NetworkFaults says. Real
  /// kernels give the reader of a fast connection more and more room.
  size_t window_bytes_max = 0;
};

inline constexpr uint64_t kResetBlockBytes = 16'384;

}  // namespace vectron::sim
