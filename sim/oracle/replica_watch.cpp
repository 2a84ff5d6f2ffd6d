#include "sim/oracle/replica_watch.h"

#include <algorithm>

#include "sim/oracle/graph_walk.h"

namespace vectron::sim {

void ReplicaWatch::node_stopped(NodeId node) {
  for (auto& [group_id, group] : groups_) {
    for (auto& [replica, member] : group.members) {
      if (member.node == node && member.running) stopped(group_id, replica, &member);
    }
  }
}

void ReplicaWatch::stopped(GroupId group_id, ReplicaId replica, Member* member) {
  member->running = false;
  member->role = raft::Role::follower;
  // Once it has objected, the checker is told nothing more.
  if (!safety_reported_) safety_.stopped(group_id, replica);
}

void ReplicaWatch::on_stop(const ReplicaName& name, const Status& status) {
  Member& member = groups_[name.group].members[name.replica];
  member.node = name.node;
  if (member.running) stopped(name.group, name.replica, &member);
  if (stopped_) stopped_(name.node, status);
}

void ReplicaWatch::on_start(const ReplicaName& name, const raft::HardState& hard_state,
                            const raft::SnapshotMeta& snapshot,
                            std::span<const raft::Entry> entries, LogIndex applied_index) {
  Member& member = groups_[name.group].members[name.replica];
  member = {.node = name.node,
            .term = hard_state.term,
            .role = raft::Role::follower,
            .running = true,
            .applied_index = applied_index};
  if (safety_reported_) return;
  safety_.started({.group = name.group,
                   .replica = name.replica,
                   .term = hard_state.term,
                   .snapshot = &snapshot,
                   .entries = entries,
                   .applied_index = applied_index});
  observe(name, {});
}

void ReplicaWatch::on_role(const ReplicaName& name, raft::Role role, Term term, ReplicaId leader) {
  (void)leader;
  Member& member = groups_[name.group].members[name.replica];
  if (role == raft::Role::leader && member.role != raft::Role::leader) ++leader_changes_;
  member.role = role;
  member.term = term;
  observe(name, {});
}

void ReplicaWatch::on_append(const ReplicaName& name, std::span<const raft::Entry> entries) {
  observe(name, {.appended = entries});
}

void ReplicaWatch::on_snapshot(const ReplicaName& name, const raft::SnapshotMeta& snapshot) {
  ++snapshots_installed_;
  Member& member = groups_[name.group].members[name.replica];
  member.applied_index = snapshot.index;
  if (++member.snapshots_in_row == kSnapshotsInRowMax) {
    log_.add(oracle::kSnapshots, now_(),
             fmt::format("replica {} of group {} was filled anew {} times and had no entry of the "
                         "log in between",
                         name.replica, name.group, kSnapshotsInRowMax),
             "circle");
  }
  observe(name, {.installed = &snapshot});
}

void ReplicaWatch::on_commit(const ReplicaName& name, Term term, LogIndex commit_index) {
  groups_[name.group].members[name.replica].term = term;
  observe(name, {.commit_index = commit_index});
}

void ReplicaWatch::on_apply(const ReplicaName& name, const raft::Entry& entry, uint64_t digest) {
  ++entries_applied_;
  Member& member = groups_[name.group].members[name.replica];
  member.applied_index = entry.index;
  member.snapshots_in_row = 0;
  // A replica applies only what it has committed; it says so in its hard state later.
  observe(name, {.commit_index = entry.index, .applied = std::span(&entry, 1)});
  remember(groups_[name.group], name, entry, digest);
}

void ReplicaWatch::on_dropped(const ReplicaName& name) {
  orders_.removed(name);
  const auto group = groups_.find(name.group);
  if (group == groups_.end()) return;
  const auto found = group->second.members.find(name.replica);
  if (found == group->second.members.end()) return;
  Member& member = found->second;
  // An order may name a replica that lives elsewhere (a forged one does): nothing happens to it.
  if (member.node != name.node) return;
  if (member.running && !safety_reported_) safety_.stopped(name.group, name.replica);
  member.running = false;
  member.dropped = true;
  member.role = raft::Role::follower;
}

const ReplicaWatch::Member* ReplicaWatch::find_member(ReplicaId replica) const {
  for (const auto& [id, group] : groups_) {
    const auto found = group.members.find(replica);
    if (found != group.members.end()) return &found->second;
  }
  return nullptr;
}

bool ReplicaWatch::was_dropped(ReplicaId replica) const {
  const Member* const member = find_member(replica);
  return member != nullptr && member->dropped;
}

bool ReplicaWatch::is_going(GroupId group) const {
  const auto found = groups_.find(group);
  return found != groups_.end() &&
         std::ranges::any_of(found->second.members,
                             [](const auto& member) { return member.second.dropped; });
}

bool ReplicaWatch::has_applied(ReplicaId replica) const {
  const Member* const member = find_member(replica);
  return member != nullptr && member->applied_index > LogIndex();
}

void ReplicaWatch::observe(const ReplicaName& name, raft::SafetyChecker::Observation observation) {
  if (safety_reported_) return;
  const Member& member = groups_[name.group].members[name.replica];
  observation.group = name.group;
  observation.replica = name.replica;
  observation.term = member.term;
  observation.role = member.role;
  safety_.observe(observation);
  const auto& violation = safety_.violation();
  if (!violation.has_value()) return;
  safety_reported_ = true;
  log_.add(oracle::kRaftSafety, now_(),
           fmt::format("{} in group {}: {}", raft::to_string(violation->property), violation->group,
                       violation->description),
           raft::to_string(violation->property));
}

void ReplicaWatch::remember(Group& group, const ReplicaName& name, const raft::Entry& entry,
                            uint64_t digest) {
  const size_t at = entry.index.value() - 1;
  if (at >= group.known.size()) {
    group.known.resize(at + 1);
    group.entries.resize(at + 1);
    group.digests.resize(at + 1);
  }
  if (!group.known[at]) {
    group.known[at] = true;
    group.entries[at] = entry.kind == raft::EntryKind::normal ? entry.data : nullptr;
    group.digests[at] = digest;
    return;
  }
  if (group.digests[at] == digest) return;
  log_.add(
      oracle::kReplicaDigest, now_(),
      fmt::format("replica {} of group {} on node {} has digest {:016x} at index {}, another "
                  "replica had {:016x}",
                  name.replica, name.group, name.node, digest, entry.index, group.digests[at]));
}

void ReplicaWatch::on_index(const ReplicaName& name, IndexEvent event, LogIndex applied_index,
                            uint64_t coverage, const GraphSight& graph) {
  ++index_events_[static_cast<size_t>(event)];
  if (event == IndexEvent::refused) return;  // It found nothing yet.
  coverages_.push_back({name, event, applied_index, coverage, now_()});
  // A rebuilt graph, or one that is written down, may have nodes that wait to be mended.
  const bool whole = event == IndexEvent::restored || event == IndexEvent::mended;
  const uint64_t unreachable = whole && must_reach_all(graph) ? points_out_of_reach(graph) : 0;
  if (unreachable > 0) {
    log_.add(
        oracle::kIndexReach, now_(),
        fmt::format(
            "the graph of replica {} on node {} was {}, and no walk leads to {} points or nodes",
            name.replica, name.node, index_event_name(event), unreachable));
  }
  if (event == IndexEvent::restored && restored_) restored_(name);
}

std::optional<ReplicaId> ReplicaWatch::not_mended_since(GroupId group, Instant since) const {
  for (const Sight& sight : sights(group)) {
    const auto mended = [&](const Coverage& seen) {
      return seen.event == IndexEvent::mended && seen.name.replica == sight.replica &&
             seen.at >= since;
    };
    if (std::ranges::none_of(coverages_, mended)) return sight.replica;
  }
  return std::nullopt;
}

std::optional<NodeId> ReplicaWatch::busiest_leader() const {
  std::map<NodeId, size_t> leads;
  for (const auto& [id, group] : groups_) {
    for (const auto& [replica, member] : group.members) {
      if (member.running && member.role == raft::Role::leader) ++leads[member.node];
    }
  }
  const auto most =
      std::ranges::max_element(leads, {}, [](const auto& pair) { return pair.second; });
  return most == leads.end() ? std::nullopt : std::optional(most->first);
}

std::optional<NodeId> ReplicaWatch::leader_of(GroupId group) const {
  const auto found = groups_.find(group);
  if (found == groups_.end()) return std::nullopt;
  std::optional<NodeId> leader;
  Term newest;
  for (const auto& [replica, member] : found->second.members) {
    const bool leads = member.running && member.role == raft::Role::leader;
    if (!leads || (leader.has_value() && member.term < newest)) continue;
    leader = member.node;
    newest = member.term;
  }
  return leader;
}

std::vector<ReplicaWatch::Sight> ReplicaWatch::sights(GroupId group) const {
  std::vector<Sight> sights;
  const auto found = groups_.find(group);
  if (found == groups_.end()) return sights;
  for (const auto& [replica, member] : found->second.members) {
    if (!member.running) continue;
    sights.push_back({replica, member.node, member.term, member.role, member.applied_index});
  }
  return sights;
}

std::vector<GroupId> ReplicaWatch::groups() const {
  std::vector<GroupId> out;
  out.reserve(groups_.size());
  for (const auto& [id, group] : groups_) {
    const bool alive = std::ranges::any_of(
        group.members, [](const auto& member) { return !member.second.dropped; });
    if (alive) out.push_back(id);
  }
  return out;
}

bool ReplicaWatch::ever_started(GroupId group, NodeId node) const {
  const auto found = groups_.find(group);
  if (found == groups_.end()) return false;
  return std::ranges::any_of(found->second.members,
                             [&](const auto& member) { return member.second.node == node; });
}

std::vector<NodeId> ReplicaWatch::silent_nodes() const {
  std::map<NodeId, bool> runs;
  for (const auto& [id, group] : groups_) {
    for (const auto& [replica, member] : group.members) {
      if (!member.dropped) runs[member.node] |= member.running;
    }
  }
  std::vector<NodeId> out;
  for (const auto& [node, any] : runs) {
    if (!any) out.push_back(node);
  }
  return out;
}

std::optional<std::string> ReplicaWatch::divergence(GroupId group, size_t replicas,
                                                    const std::set<NodeId>& hurt) const {
  const auto found = groups_.find(group);
  if (found == groups_.end()) return fmt::format("group {} has no replica", group);
  LogIndex highest;
  size_t running = 0;
  for (const auto& [replica, member] : found->second.members) {
    const bool excused = !member.running && hurt.contains(member.node);
    if (!excused) highest = std::max(highest, member.applied_index);
    running += member.running || excused ? 1 : 0;
  }
  // One that was to be made on a node that is gone was never seen at all.
  if (running > replicas || running + hurt.size() < replicas) {
    return fmt::format("group {}: {} of {} replicas run", group, running, replicas);
  }
  for (const auto& [replica, member] : found->second.members) {
    if (member.applied_index == highest || (!member.running && hurt.contains(member.node))) {
      continue;
    }
    return fmt::format("replica {} of group {} on node {} has applied {}, another one {}", replica,
                       group, member.node, member.applied_index, highest);
  }
  return std::nullopt;
}

const std::vector<raft::Payload>& ReplicaWatch::applied_entries(GroupId group) const {
  static const std::vector<raft::Payload> kNone;
  const auto found = groups_.find(group);
  return found == groups_.end() ? kNone : found->second.entries;
}

}  // namespace vectron::sim
