// Oracles over the client history alone: linearizability, acknowledged writes, eventual reads,
// versions, freshness.
//
// Pure: a history in, violations out. They assume that every upsert of a run writes a value number
// of its own.
#pragma once

#include <map>
#include <tuple>
#include <vector>

#include "sim/history/history.h"
#include "sim/oracle/violation.h"

namespace vectron::sim {

/// A point of a run.
struct PointKey {
  uint32_t collection = 0;
  PointId id;
  auto operator<=>(const PointKey&) const = default;
  bool operator==(const PointKey&) const = default;
};

/// Positions of a history's operations on each point, in the order of their beginnings; searches
/// left out.
using OperationsByPoint = std::map<PointKey, std::vector<size_t>>;
OperationsByPoint operations_by_point(const History& history);

/// Each point as a register: writes, removes (which say whether the point existed) and linearizable
/// reads.
void check_linearizability(const History& history, const OperationsByPoint& points,
                           ViolationLog* log);

/// The last reading of each point (Operation::final_read) against what was acknowledged: nothing
/// acknowledged may be gone unless something that is possibly later replaced it.
void check_acknowledged_writes(const History& history, const OperationsByPoint& points,
                               ViolationLog* log);

/// Eventual reads: what they found was written to that point by something that began before they
/// ended and did not certainly fail.
void check_eventual_reads(const History& history, const OperationsByPoint& points,
                          ViolationLog* log);

/// One version of a point never carries two values, in whatever answers.
void check_versions(const History& history, const OperationsByPoint& points, ViolationLog* log);

/// A linearizable get or search is answered at an index of each shard that is not below the index
/// of any write acknowledged before it was asked.
void check_read_freshness(const History& history, ViolationLog* log);

/// All of the above.
void check_history(const History& history, ViolationLog* log);

}  // namespace vectron::sim
