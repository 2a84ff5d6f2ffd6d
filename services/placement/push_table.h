// PushTable: what each worker was told, and who must be told something.
//
// Pure; of one term of the leader.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "schemas/placement_messages.h"
#include "services/placement/cluster_view.h"

namespace vectron {

class PushTable {
 public:
  /// What orders say to one worker, in short: equal ones say the same.
  struct Said {
    /// Of the book: the assignments, but for their marks.
    uint64_t version = 0;
    /// Replicas whose other members have a full worker.
    std::vector<uint64_t> crowded;
    std::vector<uint64_t> removed;
    bool operator==(const Said&) const = default;
  };
  struct Push {
    wire::AssignRequest request;
    Said said;
  };

  /// Nothing is known of what workers were told. Pushes that are under way stay so.
  void forget_all() { told_.clear(); }
  /// Whether something happened since each worker was looked at. O(workers).
  bool has_news(const PlacementState& state, const ClusterView& view) const;
  /// What `node`, which is on record, must be told, if anything and if nothing is under way to it.
  /// Whoever gets it ends it. O(1) where nothing happened since the last look.
  std::optional<Push> begin(NodeId node, const PlacementState& state, const ClusterView& view,
                            const Watching& watching);
  /// The push to `node` has ended. `said` is what the worker has confirmed; none if it did not, or
  /// if that counts no more. Requires: one was begun.
  void end(NodeId node, std::optional<Said> said);
  /// Forgets workers that are not on record any more.
  void forget_strangers(const PlacementState& state);

 private:
  struct Told {
    std::optional<Said> confirmed;
    /// Of the book and of the view, when there was nothing new to push.
    std::optional<std::pair<uint64_t, uint64_t>> looked_at;
  };
  static std::pair<uint64_t, uint64_t> versions(NodeId node, const PlacementState& state,
                                                const ClusterView& view) {
    return {state.book().version_of(node), view.changes_of(node)};
  }

  std::map<NodeId, Told> told_;
  std::set<NodeId> under_way_;
};

}  // namespace vectron
