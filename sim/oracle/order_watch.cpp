#include "sim/oracle/order_watch.h"

#include <fmt/format.h>

namespace vectron::sim {

void OrderWatch::obeyed(NodeId node, const PlacementOrder& order) {
  const auto [known, first] = newest_.emplace(node, order);
  if (first) return;
  PlacementOrder& newest = known->second;
  if (order.lineage != newest.lineage && holds_copies(node)) {
    log_.add(oracle::kOrders, now_(),
             fmt::format("node {} carries out an order of lineage {}, and has copies of lineage {}",
                         node, order.lineage, newest.lineage),
             "lineage");
    return;
  }
  if (order.lineage == newest.lineage && order.revision < newest.revision) {
    log_.add(oracle::kOrders, now_(),
             fmt::format("node {} carries out an order of revision {}, after one of revision {}",
                         node, order.revision, newest.revision),
             "older");
    return;
  }
  newest = order;
}

bool OrderWatch::holds_copies(NodeId node) const {
  const auto first = born_.lower_bound({node, ReplicaId()});
  return first != born_.end() && first->first == node;
}

void OrderWatch::born(const ReplicaName& name) {
  born_.emplace(name.node, name.replica);
  if (!removed_.contains({name.node, name.replica})) return;
  log_.add(oracle::kOrders, now_(),
           fmt::format("replica {} of group {} was removed from node {}, and is made there again",
                       name.replica, name.group, name.node),
           "born_again");
}

void OrderWatch::removed(const ReplicaName& name) {
  removed_.emplace(name.node, name.replica);
  born_.erase({name.node, name.replica});
}

}  // namespace vectron::sim
