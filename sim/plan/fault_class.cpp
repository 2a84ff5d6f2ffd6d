#include "sim/plan/fault_class.h"

#include "core/base/assert.h"

namespace vectron::sim {

const std::array<FaultClassInfo, kFaultClassCount>& fault_classes() {
  using enum FaultClass;
  static constexpr std::array<FaultClassInfo, kFaultClassCount> kClasses = {{
      {delay, "delay", "latency of its own for each direction of each pair, with a heavy tail"},
      {reset, "reset", "connections die, at any byte"},
      {short_io, "short_io", "reads and writes of any length, down to one byte"},
      {half_open, "half_open", "one side believes that the connection lives"},
      {stall, "stall", "bytes stop for a while, then come all at once"},
      {partition, "partition", "nodes cannot hear others, both ways or one way"},
      {connect, "connect", "connects are refused, or hang"},
      {message, "message", "one-way frames are lost, doubled or overtaken, above TCP's truth"},
      {clock_skew, "clock_skew", "wall clocks are apart, and clocks run fast or slow"},
      {clock_step, "clock_step", "the wall clock jumps; the monotonic one never does"},
      {lost_unsynced, "lost_unsynced", "a power loss loses what was not synced"},
      {torn_write, "torn_write", "a power loss keeps some sectors of an unsynced page"},
      {bit_rot, "bit_rot",
       "a bit of something durable flips, or a file is gone: log, store, manifest or checkpoint"},
      {io_error, "io_error", "reads or writes of a disk fail with EIO"},
      {sync_failure, "sync_failure",
       "a sync fails; its pages look clean and are lost with the power"},
      {disk_full, "disk_full",
       "a disk has no space for a while: a write ends early first, or syncs find none"},
      {slow_disk, "slow_disk", "a disk takes much longer, or does nothing for a while"},
      {crash, "crash", "a process dies at any await point or is told to stop, and starts again"},
      {pause, "pause", "a process stops for a while and goes on as if no time had passed"},
      {lost_machine, "lost_machine", "a disk is gone for ever; its node comes back empty or never"},
      {kill_all, "kill_all", "power loss of a zone, or of everything"},
      {knobs, "knobs", "configuration drawn at random"},
      {forgery, "forgery", "somebody sends messages that no right node would send"},
      {descriptors, "descriptors", "a process gets no new descriptor (EMFILE) for a while"},
      {hostile, "hostile", "clients take no answers, dawdle over frames, or crowd a node"},
  }};
  return kClasses;
}

std::string_view fault_class_name(FaultClass fault_class) {
  const auto index = static_cast<size_t>(fault_class);
  VECTRON_ASSERT(index < kFaultClassCount);
  const FaultClassInfo& info = fault_classes()[index];
  VECTRON_ASSERT(info.fault_class == fault_class);
  return info.name;
}

std::optional<FaultClass> fault_class_named(std::string_view name) {
  for (const FaultClassInfo& info : fault_classes()) {
    if (info.name == name) return info.fault_class;
  }
  return std::nullopt;
}

FaultClassSet FaultClassSet::all() {
  FaultClassSet set;
  for (const FaultClassInfo& info : fault_classes()) set.add(info.fault_class);
  return set;
}

}  // namespace vectron::sim
