#include "services/placement/push_table.h"

#include <algorithm>

#include "core/base/assert.h"

namespace vectron {

bool PushTable::has_news(const PlacementState& state, const ClusterView& view) const {
  return std::ranges::any_of(state.workers(), [&](const auto& worker) {
    const auto told = told_.find(worker.first);
    return told == told_.end() || told->second.looked_at != versions(worker.first, state, view);
  });
}

std::optional<PushTable::Push> PushTable::begin(NodeId node, const PlacementState& state,
                                                const ClusterView& view, const Watching& watching) {
  const auto worker = state.workers().find(node);
  VECTRON_ASSERT(worker != state.workers().end(), "a push to worker {}, not on record", node);
  Told& told = told_[node];
  const auto now = versions(node, state, view);
  if (under_way_.contains(node) || told.looked_at == now) return std::nullopt;
  Push push;
  push.said.version = now.first;
  push.said.removed = view.removed_replicas(state, node);
  const bool same = told.confirmed && told.confirmed->version == push.said.version &&
                    told.confirmed->removed == push.said.removed &&
                    told.confirmed->crowded.empty() && !view.has_full_worker();
  if (!same) {
    push.request.assignments = assignments_of(state, node);
    view.mark_crowded(node, watching, &push.request.assignments);
    for (const wire::Assignment& assignment : push.request.assignments) {
      if (assignment.crowded) push.said.crowded.push_back(assignment.replica_id);
    }
  }
  const bool empty = push.request.assignments.empty() && push.said.removed.empty();
  const bool nothing_new = same || (told.confirmed ? *told.confirmed == push.said : empty);
  if (nothing_new) {
    told.looked_at = now;
    return std::nullopt;
  }
  push.request.revision = state.counters().revision;
  push.request.removed = push.said.removed;
  push.request.folder_id = worker->second.folder_id;
  push.request.lineage = state.counters().lineage;
  under_way_.insert(node);
  return push;
}

void PushTable::end(NodeId node, std::optional<Said> said) {
  const size_t ended = under_way_.erase(node);
  VECTRON_ASSERT(ended == 1, "no push to worker {} was under way", node);
  if (said) told_[node].confirmed = std::move(said);
}

void PushTable::forget_strangers(const PlacementState& state) {
  std::erase_if(told_, [&](const auto& told) { return !state.workers().contains(told.first); });
}

}  // namespace vectron
