#include "services/placement/cluster_view.h"

#include <algorithm>
#include <utility>

#include "core/base/assert.h"

namespace vectron {
namespace {

std::string address_of(const PlacementState& state, uint64_t node) {
  const auto worker = state.workers().find(NodeId(node));
  return worker == state.workers().end() ? std::string() : worker->second.address;
}

std::vector<wire::Member> members_of(const PlacementState& state,
                                     const stored::ShardRecord& shard) {
  std::vector<wire::Member> members;
  members.reserve(shard.replicas.size());
  for (const stored::ReplicaRecord& replica : shard.replicas) {
    members.push_back({replica.replica_id, replica.node_id, address_of(state, replica.node_id)});
  }
  return members;
}

wire::ShardStatus shard_status(const PlacementState& state, const ClusterView& view,
                               const stored::ShardRecord& shard) {
  wire::ShardStatus status;
  status.shard_id = shard.shard_id;
  status.hash_low = shard.hash_low;
  status.hash_high = shard.hash_high;
  const auto leader = view.leader_of(shard);
  if (leader) status.leader_node = leader->value();
  for (const stored::ReplicaRecord& replica : shard.replicas) {
    wire::ReplicaStatus out;
    out.replica_id = replica.replica_id;
    out.node_id = replica.node_id;
    out.address = address_of(state, replica.node_id);
    out.created = replica.created;
    out.is_leader = leader && leader->value() == replica.node_id;
    const auto* report = view.report_of(NodeId(replica.node_id), ReplicaId(replica.replica_id));
    if (report != nullptr) {
      out.applied_index = report->applied_index;
      out.lost = report->lost;
      if (out.is_leader) {
        status.points = report->points;
        status.indexed = report->indexed;
      }
    }
    status.replicas.push_back(std::move(out));
  }
  return status;
}

// In the order of the ids, one of each: of several of one replica the last one counts.
std::vector<wire::ReplicaReport> by_replica(std::span<const wire::ReplicaReport> reports) {
  const auto is_at_or_after = [](const auto& a, const auto& b) {
    return a.replica_id >= b.replica_id;
  };
  // As workers send them.
  if (std::ranges::adjacent_find(reports, is_at_or_after) == reports.end()) {
    return {reports.begin(), reports.end()};
  }
  std::map<uint64_t, wire::ReplicaReport> sorted;
  for (const wire::ReplicaReport& report : reports) sorted[report.replica_id] = report;
  std::vector<wire::ReplicaReport> out;
  out.reserve(sorted.size());
  for (auto& [replica, report] : sorted) out.push_back(std::move(report));
  return out;
}

uint64_t to_milliseconds(Duration duration) {
  return static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(duration).count());
}

}  // namespace

void ClusterView::hear(NodeId node, Instant now, uint64_t revision,
                       std::span<const wire::ReplicaReport> reports) {
  Heard& heard = workers_[node];
  heard.when = now;
  heard.revision = revision;
  std::vector<wire::ReplicaReport> before = std::exchange(heard.reports, {});
  heard.reports = by_replica(reports);
  const auto replica = &wire::ReplicaReport::replica_id;
  if (!std::ranges::equal(before, heard.reports, {}, replica, replica)) heard.changed = ++changes_;
  count(&heard);
}

void ClusterView::count(Heard* heard) {
  heard->leaders = 0;
  heard->lost = 0;
  heard->points = 0;
  for (const wire::ReplicaReport& report : heard->reports) {
    heard->leaders += report.is_leader ? 1 : 0;
    heard->lost += report.lost ? 1 : 0;
    heard->points += report.points;
  }
}

void ClusterView::note_condition(NodeId node, Condition condition) {
  const auto heard = workers_.find(node);
  VECTRON_ASSERT(heard != workers_.end(), "the condition of worker {}, which was not heard", node);
  const bool was_full = heard->second.condition.memory_full;
  if (was_full != condition.memory_full) {
    changed_for_all_ = ++changes_;
    full_ = condition.memory_full ? full_ + 1 : full_ - 1;
  }
  heard->second.condition = condition;
}

uint64_t ClusterView::changes_of(NodeId node) const {
  const auto heard = workers_.find(node);
  return heard == workers_.end() ? changed_for_all_
                                 : std::max(changed_for_all_, heard->second.changed);
}

void ClusterView::forget_all() {
  workers_.clear();
  full_ = 0;
  changed_for_all_ = ++changes_;
}

void ClusterView::forget(NodeId node) {
  const auto heard = workers_.find(node);
  if (heard == workers_.end()) return;
  if (heard->second.condition.memory_full) --full_;
  workers_.erase(heard);
  changed_for_all_ = ++changes_;
}

bool ClusterView::is_live(NodeId node, Instant now, Duration silence_max) const {
  const auto found = workers_.find(node);
  return found != workers_.end() && now - found->second.when <= silence_max;
}

bool ClusterView::is_down(NodeId node, const Watching& watching) const {
  const auto found = workers_.find(node);
  const Instant since = found == workers_.end() ? watching.since : found->second.when;
  return watching.now - since > watching.silence_max;
}

bool ClusterView::takes_replicas(NodeId node, Instant now, Duration silence_max) const {
  if (!is_live(node, now, silence_max)) return false;
  const Condition& condition = workers_.at(node).condition;
  return !condition.draining && !condition.memory_full;
}

uint64_t ClusterView::replicas_max(NodeId node) const {
  const auto heard = workers_.find(node);
  const uint64_t said = heard == workers_.end() ? 0 : heard->second.condition.replicas_max;
  return said == 0 ? UINT64_MAX : said;
}

void ClusterView::mark_crowded(NodeId node, const Watching& watching,
                               std::vector<wire::Assignment>* assignments) const {
  if (full_ == 0) return;  // No assignment comes marked.
  for (wire::Assignment& assignment : *assignments) {
    assignment.crowded = std::ranges::any_of(assignment.members, [&](const wire::Member& member) {
      const NodeId other(member.node_id);
      const auto heard = workers_.find(other);
      return other != node && heard != workers_.end() && heard->second.condition.memory_full &&
             !is_down(other, watching);
    });
  }
}

const wire::ReplicaReport* ClusterView::report_of(NodeId node, ReplicaId replica) const {
  const auto worker = workers_.find(node);
  if (worker == workers_.end()) return nullptr;
  const std::vector<wire::ReplicaReport>& reports = worker->second.reports;
  const auto report =
      std::ranges::lower_bound(reports, replica.value(), {}, &wire::ReplicaReport::replica_id);
  const bool found = report != reports.end() && report->replica_id == replica.value();
  return found ? &*report : nullptr;
}

std::optional<NodeId> ClusterView::leader_of(const stored::ShardRecord& shard) const {
  std::optional<NodeId> leader;
  uint64_t term = 0;
  for (const stored::ReplicaRecord& replica : shard.replicas) {
    const auto* report = report_of(NodeId(replica.node_id), ReplicaId(replica.replica_id));
    if (report == nullptr || !report->is_leader || report->term < term) continue;
    leader = NodeId(replica.node_id);
    term = report->term;
  }
  return leader;
}

bool ClusterView::is_ready(const stored::CollectionRecord& collection) const {
  const auto has_ready_leader = [this](const stored::ShardRecord& shard) {
    const auto leader = leader_of(shard);
    if (!leader) return false;
    return std::ranges::any_of(shard.replicas, [&](const stored::ReplicaRecord& replica) {
      if (NodeId(replica.node_id) != *leader) return false;
      const auto* report = report_of(*leader, ReplicaId(replica.replica_id));
      return report != nullptr && report->is_leader && !report->catching_up;
    });
  };
  return std::ranges::all_of(collection.shards, has_ready_leader);
}

bool ClusterView::has_dropped(NodeId node, ReplicaId replica, uint64_t revision) const {
  const auto heard = workers_.find(node);
  return heard != workers_.end() && heard->second.revision >= revision &&
         report_of(node, replica) == nullptr;
}

bool ClusterView::is_fenced(const stored::RemovedCollection& removed) const {
  const auto fenced = [&](const stored::ShardRecord& shard) {
    const auto dropped =
        std::count_if(shard.replicas.begin(), shard.replicas.end(), [&](const auto& replica) {
          return has_dropped(NodeId(replica.node_id), ReplicaId(replica.replica_id),
                             removed.revision);
        });
    // Those that are left are fewer than a majority.
    const size_t left = shard.replicas.size() - static_cast<size_t>(dropped);
    return left * 2 <= shard.replicas.size();
  };
  return std::all_of(removed.collection.shards.begin(), removed.collection.shards.end(), fenced);
}

bool ClusterView::may_drop_more(const stored::RemovedCollection& removed,
                                const Watching& watching) const {
  for (const stored::ShardRecord& shard : removed.collection.shards) {
    for (const stored::ReplicaRecord& replica : shard.replicas) {
      const NodeId node(replica.node_id);
      if (is_down(node, watching)) continue;
      if (!has_dropped(node, ReplicaId(replica.replica_id), removed.revision)) return true;
    }
  }
  return false;
}

Instant ClusterView::next_silence(const stored::RemovedCollection& removed,
                                  const Watching& watching) const {
  Instant next = kNever;
  for (const stored::ShardRecord& shard : removed.collection.shards) {
    for (const stored::ReplicaRecord& replica : shard.replicas) {
      const NodeId node(replica.node_id);
      if (is_down(node, watching)) continue;
      const auto heard = workers_.find(node);
      const Instant since = heard == workers_.end() ? watching.since : heard->second.when;
      next = std::min(next, since + watching.silence_max + Duration(1));
    }
  }
  return next;
}

bool ClusterView::is_gone(const stored::RemovedCollection& removed) const {
  for (const stored::ShardRecord& shard : removed.collection.shards) {
    for (const stored::ReplicaRecord& replica : shard.replicas) {
      if (!has_dropped(NodeId(replica.node_id), ReplicaId(replica.replica_id), removed.revision)) {
        return false;
      }
    }
  }
  return true;
}

std::vector<uint64_t> ClusterView::removed_replicas(const PlacementState& state,
                                                    NodeId node) const {
  std::vector<uint64_t> removed;
  const auto heard = workers_.find(node);
  if (heard == workers_.end()) return removed;
  const AssignmentBook::Places& assigned = state.book().replicas_of(node);
  // Both are in the order of the ids.
  auto next = assigned.begin();
  for (const wire::ReplicaReport& report : heard->second.reports) {
    const ReplicaId replica(report.replica_id);
    if (report.replica_id > state.counters().replica_id) break;
    while (next != assigned.end() && next->first < replica) ++next;
    const bool is_assigned = next != assigned.end() && next->first == replica;
    if (!is_assigned) removed.push_back(report.replica_id);
  }
  return removed;
}

std::vector<uint64_t> ClusterView::unrecorded_births(const PlacementState& state) const {
  std::vector<uint64_t> births;
  for (const auto& [replica, node] : state.book().unmade()) {
    const auto* report = report_of(node, replica);
    if (report != nullptr && report->created) births.push_back(replica.value());
  }
  return births;
}

std::vector<wire::ReplicaReport> reports_to_keep(const PlacementState& state, NodeId node,
                                                 std::span<const wire::ReplicaReport> reports) {
  std::vector<wire::ReplicaReport> kept;
  kept.reserve(reports.size());
  size_t strays = 0;
  for (const wire::ReplicaReport& report : reports) {
    const bool stray = !state.book().may_hold(node, ReplicaId(report.replica_id));
    if (stray && report.replica_id > state.counters().replica_id) continue;
    if (stray && ++strays > kStrayReportsMax) continue;
    kept.push_back(report);
  }
  return kept;
}

std::vector<wire::Assignment> assignments_of(const PlacementState& state, NodeId node) {
  std::vector<wire::Assignment> assignments;
  assignments.reserve(state.book().replicas_of(node).size());
  for (const auto& [replica, place] : state.book().replicas_of(node)) {
    const stored::CollectionRecord& collection = state.collections().at(place.collection);
    const stored::ShardRecord& shard = collection.shards[place.shard];
    wire::Assignment assignment;
    assignment.replica_id = replica.value();
    assignment.shard.shard_id = shard.shard_id;
    assignment.shard.collection_id = collection.id;
    assignment.shard.hash_low = shard.hash_low;
    assignment.shard.hash_high = shard.hash_high;
    assignment.shard.dimension = collection.dimension;
    assignment.shard.distance = collection.distance;
    assignment.shard.index = collection.index;
    assignment.epoch = collection.epoch;
    assignment.bootstrap = !shard.replicas[place.replica].created;
    assignment.members = members_of(state, shard);
    assignments.push_back(std::move(assignment));
  }
  return assignments;
}

std::map<NodeId, uint64_t> starts_of_holders(const PlacementState& state) {
  std::map<NodeId, uint64_t> starts;
  for (const auto& [node, worker] : state.workers()) {
    if (!state.book().replicas_of(node).empty()) starts[node] = worker.incarnation;
  }
  return starts;
}

std::vector<wire::WorkerStart> starts_of_peers(const PlacementState& state, NodeId node) {
  std::vector<wire::WorkerStart> starts;
  for (const auto& [peer, shards] : state.book().peers_of(node)) {
    const auto worker = state.workers().find(peer);
    if (worker == state.workers().end()) continue;
    starts.push_back({peer.value(), worker->second.incarnation});
  }
  return starts;
}

wire::WorkerStatus status_of(const PlacementState& state, const ClusterView& view,
                             const Watching& watching, const stored::WorkerRecord& worker) {
  wire::WorkerStatus status;
  status.node_id = worker.node_id;
  status.address = worker.address;
  status.zone = worker.zone;
  status.rack = worker.rack;
  status.host = worker.host;
  status.capacity_bytes = worker.capacity_bytes;
  status.incarnation = worker.incarnation;
  status.replicas = static_cast<uint32_t>(state.book().replicas_of(NodeId(worker.node_id)).size());
  const auto heard = view.workers_.find(NodeId(worker.node_id));
  if (heard == view.workers_.end()) {
    // It has had its time to report to this leader, or it has not.
    const bool late = view.is_down(NodeId(worker.node_id), watching);
    status.state = late ? wire::WorkerState::down : wire::WorkerState::joining;
    if (late) status.silence_ms = to_milliseconds(watching.now - watching.since);
    return status;
  }
  const Duration silence = watching.now - heard->second.when;
  const bool draining = heard->second.condition.draining;
  status.state = draining ? wire::WorkerState::draining : wire::WorkerState::ready;
  if (view.is_down(NodeId(worker.node_id), watching)) status.state = wire::WorkerState::down;
  status.silence_ms = to_milliseconds(silence);
  status.stored_bytes = heard->second.condition.stored_bytes;
  // Whoever is silent leads nothing, whatever it said last.
  if (status.state != wire::WorkerState::down) status.leaders = heard->second.leaders;
  status.lost_replicas = heard->second.lost;
  status.points = heard->second.points;
  return status;
}

wire::CollectionStatus status_of(const PlacementState& state, const ClusterView& view,
                                 const stored::CollectionRecord& collection) {
  wire::CollectionStatus status;
  status.id = collection.id;
  status.name = collection.name;
  status.dimension = collection.dimension;
  status.distance = collection.distance;
  status.replication = collection.replication;
  status.read_level = collection.read_level;
  status.index = collection.index;
  status.epoch = collection.epoch;
  status.ready = view.is_ready(collection);
  for (const stored::ShardRecord& shard : collection.shards) {
    status.shards.push_back(shard_status(state, view, shard));
    status.points += status.shards.back().points;
    status.indexed += status.shards.back().indexed;
  }
  return status;
}

wire::CollectionRoute route_of(const PlacementState& state, const ClusterView& view,
                               const stored::CollectionRecord& collection) {
  wire::CollectionRoute route;
  route.id = collection.id;
  route.name = collection.name;
  route.dimension = collection.dimension;
  route.distance = collection.distance;
  route.read_level = collection.read_level;
  route.index = collection.index;
  route.epoch = collection.epoch;
  for (const stored::ShardRecord& shard : collection.shards) {
    wire::ShardRoute out;
    out.shard_id = shard.shard_id;
    out.hash_low = shard.hash_low;
    out.hash_high = shard.hash_high;
    const auto leader = view.leader_of(shard);
    if (leader) out.leader_node = leader->value();
    out.members = members_of(state, shard);
    route.shards.push_back(std::move(out));
  }
  return route;
}

}  // namespace vectron
