// OrderWatch: what nodes do because the placement driver orders it, judged as it happens.
//
// Orders travel on several ways and overtake each other. What an old one did is mended by the next
// one, so that nothing of it shows in the end: it is seen here alone.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <utility>

#include "core/base/time.h"
#include "core/replica/observer.h"
#include "sim/oracle/violation.h"

namespace vectron::sim {

class OrderWatch {
 public:
  OrderWatch(std::function<Instant()> now, ViolationLog* log) : now_(std::move(now)), log_(*log) {}

  /// A node begins to carry out an order. No node obeys one that is older than another of the same
  /// lineage that it has obeyed, be it before its process ended: the first one after a start is at
  /// least as new as the start. One that has copies obeys no order of another lineage than theirs.
  void obeyed(NodeId node, const PlacementOrder& order);
  /// A node makes a copy out of nothing. Ids are given out once, so none is made that was removed.
  void born(const ReplicaName& name);
  /// A node begins to remove a copy that it has.
  void removed(const ReplicaName& name);

 private:
  bool holds_copies(NodeId node) const;

  std::function<Instant()> now_;
  ViolationLog& log_;
  std::map<NodeId, PlacementOrder> newest_;
  /// And not removed.
  std::set<std::pair<NodeId, ReplicaId>> born_;
  std::set<std::pair<NodeId, ReplicaId>> removed_;
};

}  // namespace vectron::sim
