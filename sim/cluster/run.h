// Plan -> run -> report: the whole life of one simulated cluster, in one call.
//
// Boots the plan's nodes in a SimWorld, lets its clients work while its faults strike, heals
// everything, waits until the cluster is available again, reads every point once more, and asks the
// oracles. The same plan gives the same report (wall times aside) in every process.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/base/hash.h"
#include "core/base/result.h"
#include "core/env/log.h"
#include "sim/cluster/frame_forger.h"
#include "sim/oracle/search_check.h"
#include "sim/oracle/violation.h"
#include "sim/plan/plan.h"
#include "sim/world/config.h"
#include "sim/world/fault_counters.h"

namespace vectron::sim {

struct RunOptions {
  /// Nanoseconds of a real clock, for the report alone; nothing in the run depends on it. May be
  /// empty.
  std::function<uint64_t()> wall_nanoseconds;
  /// Sees every record of the trace. May be empty.
  std::function<void(const TraceRecord&)> trace_sink;
  /// Sees the nodes' log lines from log_level up. May be empty.
  std::function<void(const LogLine&)> log_sink;
  LogLevel log_level = LogLevel::info;
  /// A FrameProgram that is played against the cluster during the workload; empty: none. Nobody
  /// stops a stranger from asking for what clients may ask for, so the history is not judged then;
  /// and where the program may pretend to be a member, only that no process ends, and that levels,
  /// memory and turns of event loops stay within their bounds.
  ByteView forged_frames;
  /// Fill RunReport::history.
  bool keep_history = false;
};

/// How many operations ended how.
struct OperationCounts {
  uint64_t ok = 0;
  /// Certainly not done.
  uint64_t failed = 0;
  /// May or may not have happened.
  uint64_t unknown = 0;
  uint64_t total() const { return ok + failed + unknown; }
  uint64_t definite() const { return ok + failed; }
};

struct RunReport {
  uint64_t seed = 0;
  std::string profile;
  TraceHash trace;
  /// The first few.
  std::vector<Violation> violations;
  uint64_t violation_count = 0;

  Duration simulated{};
  /// Of it, the plan's loaded interval.
  Duration loaded_simulated{};
  uint64_t wall_nanoseconds = 0;
  uint64_t loaded_wall_nanoseconds = 0;
  /// The oracles' share, after the run.
  uint64_t check_wall_nanoseconds = 0;

  uint64_t events = 0;
  FaultCounters faults;
  /// The plan put more copies at risk than the system promises to survive (within_risk_budget):
  /// the run expected neither availability nor that everything is still there.
  bool beyond_promises = false;
  OperationCounts operations;
  uint64_t upserts_ok = 0;
  uint64_t gets_ok = 0;
  uint64_t removes_ok = 0;
  uint64_t searches_ok = 0;
  /// Of all kinds, completed within the loaded interval.
  uint64_t loaded_ok = 0;
  /// Searches completed within the loaded interval.
  uint64_t loaded_searches_ok = 0;
  /// Of all kinds, by clients that speak HTTP.
  uint64_t http_ok = 0;
  /// Of processes, after crashes and ends of their own.
  uint64_t restarts = 0;
  /// Processes that were told to stop and ended by themselves.
  uint64_t orderly_stops = 0;
  Recall recall;
  /// 1 where fewer neighbours were expected than the floor of the recall needs; and where fewer
  /// operations were asked for than a run must have. The run showed nothing of the one or the
  /// other.
  uint64_t recall_not_judged = 0;
  uint64_t operations_not_judged = 0;
  uint64_t leader_changes = 0;
  uint64_t snapshots_installed = 0;
  /// Of shard indexes, by what became of them (core/replica/observer.h, IndexEvent).
  uint64_t indexes_restored = 0;
  uint64_t checkpoints_written = 0;
  uint64_t checkpoints_refused = 0;
  uint64_t indexes_rebuilt = 0;
  uint64_t indexes_mended = 0;
  /// Nodes whose replicas all do not run in the end, by name: gone, or fenced for what they lost.
  std::vector<std::string> silent_nodes;
  /// Of RunOptions::forged_frames.
  ForgedCounts forged;
  /// Processes that ended by themselves without a reason.
  uint64_t nodes_ended = 0;
  /// That lay for peers at one node, in what came and what waits.
  uint64_t peer_bytes_peak = 0;
  /// Writes that were refused for want of memory.
  uint64_t memory_refusals = 0;
  /// 1 when large ones came in the end, over both protocols.
  uint64_t large_answers = 0;
  uint64_t entries_applied = 0;
  /// Of all entries that were applied, by group and index.
  uint64_t log_digest = 0;
  /// JSON lines, when asked for.
  std::string history;

  bool passed() const { return violation_count == 0; }
};

/// Runs `plan` to its verdict. Requires: plan.validate().
RunReport run_plan(const Plan& plan, const RunOptions& options);

}  // namespace vectron::sim
