// ClusterRefusals: whether every one of several nodes says that it belongs to another cluster.
//
// One such node may be a wrong address. When all of them say so, the number of the cluster is wrong
// here, and no patience will help.
#pragma once

#include <set>
#include <string_view>

#include "core/base/result.h"

namespace vectron::rpc {

/// The field of a refusal at Hello that is about the number of the cluster.
inline constexpr std::string_view kClusterField = "cluster";

class ClusterRefusals {
 public:
  /// `nodes`: how many are asked.
  explicit ClusterRefusals(size_t nodes) : nodes_(nodes) {}

  /// What a node answered last; each has a number.
  void note(size_t node, const Status& answer) {
    if (answer.field() == kClusterField) {
      refused_by_.insert(node);
    } else {
      refused_by_.erase(node);
    }
  }
  bool by_all() const { return nodes_ > 0 && refused_by_.size() == nodes_; }

 private:
  size_t nodes_;
  std::set<size_t> refused_by_;
};

}  // namespace vectron::rpc
