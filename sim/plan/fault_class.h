// The classes of faults that a plan can inject, by the names that plans, flags and reports use.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace vectron::sim {

/// One class of faults. Each can be switched off alone (--without) or kept alone (--only).
enum class FaultClass : uint8_t {
  /// Each direction of each pair has its own latency, with a heavy tail.
  delay,
  /// Connections die, at any byte.
  reset,
  /// Reads and writes of any length, down to one byte.
  short_io,
  /// One side believes that the connection lives.
  half_open,
  /// Bytes stop for a while, then come all at once.
  stall,
  /// Nodes cannot hear others, both ways or one way.
  partition,
  /// Connects are refused, or hang.
  connect,
  /// One-way frames (Raft) are lost, doubled or overtaken, above TCP's truth.
  message,
  /// Wall clocks are apart, and clocks run fast or slow.
  clock_skew,
  /// The wall clock jumps; the monotonic one never does.
  clock_step,
  /// A power loss loses what was not synced: files and LMDB pages.
  lost_unsynced,
  /// A power loss keeps some 512-byte sectors of an unsynced page.
  torn_write,
  /// A bit of something durable flips.
  bit_rot,
  /// Reads or writes fail with EIO.
  io_error,
  /// A sync fails; its pages look clean afterwards and are lost at a power loss.
  sync_failure,
  /// No space for a while.
  disk_full,
  /// A disk takes much longer, or does nothing for a while.
  slow_disk,
  /// A process dies at any await point (or inside a commit), or is told to stop; it starts again.
  crash,
  /// A process stops for a while and goes on as if no time had passed.
  pause,
  /// A machine and its disk are gone for ever; it comes back empty or never.
  lost_machine,
  /// Power loss of a zone, or of everything.
  kill_all,
  /// Configuration drawn at random.
  knobs,
  /// Somebody sends messages that no right node would send.
  forgery,
  /// A process gets no new descriptor for a while.
  descriptors,
  /// Clients that take no answers, dawdle over what they send, or crowd a node.
  hostile,
};

inline constexpr size_t kFaultClassCount = 25;

struct FaultClassInfo {
  FaultClass fault_class;
  std::string_view name;
  std::string_view meaning;
};

/// All classes in the order of the enum.
const std::array<FaultClassInfo, kFaultClassCount>& fault_classes();

std::string_view fault_class_name(FaultClass fault_class);
std::optional<FaultClass> fault_class_named(std::string_view name);

/// A set of classes.
class FaultClassSet {
 public:
  static FaultClassSet all();
  static FaultClassSet none() { return {}; }

  bool contains(FaultClass c) const { return (bits_ >> static_cast<unsigned>(c) & 1) != 0; }
  void add(FaultClass c) { bits_ |= 1u << static_cast<unsigned>(c); }
  void remove(FaultClass c) { bits_ &= ~(1u << static_cast<unsigned>(c)); }
  bool operator==(const FaultClassSet&) const = default;

 private:
  uint32_t bits_ = 0;
};

}  // namespace vectron::sim
