// ReplicaWatch: sees what every replica of a simulated cluster does, judges it, and remembers what
// was committed.
//
// One for each run; all nodes report to it. It checks Raft's safety properties
// (core/raft/safety_checker.h) and that replicas have equal digests at equal applied indexes, as
// things happen; and it keeps the committed entries of each group, from which the model of each
// shard is built.
#pragma once

#include <array>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "core/base/time.h"
#include "core/raft/safety_checker.h"
#include "core/replica/observer.h"
#include "sim/oracle/order_watch.h"
#include "sim/oracle/violation.h"

namespace vectron::sim {

/// So many snapshots one after another, with nothing from the log in between, are a circle: each
/// was too old when it came.
inline constexpr uint32_t kSnapshotsInRowMax = 5;

class ReplicaWatch final : public ReplicaObserver {
 public:
  /// `now` tells the simulated time for violations; `log` outlives the watch.
  ReplicaWatch(std::function<Instant()> now, ViolationLog* log)
      : now_(now), log_(*log), orders_(std::move(now), log) {}

  /// A node's process ended: its replicas lead nothing any more.
  void node_stopped(NodeId node);

  /// Told of every replica that stops by itself.
  using Stopped = std::function<void(NodeId node, const Status& status)>;
  void on_stopped(Stopped listener) { stopped_ = std::move(listener); }

  /// Told of every index that came back from a checkpoint.
  using Restored = std::function<void(const ReplicaName& name)>;
  void on_restored(Restored listener) { restored_ = std::move(listener); }

  void on_start(const ReplicaName& name, const raft::HardState& hard_state,
                const raft::SnapshotMeta& snapshot, std::span<const raft::Entry> entries,
                LogIndex applied_index) override;
  void on_role(const ReplicaName& name, raft::Role role, Term term, ReplicaId leader) override;
  void on_append(const ReplicaName& name, std::span<const raft::Entry> entries) override;
  void on_snapshot(const ReplicaName& name, const raft::SnapshotMeta& snapshot) override;
  void on_commit(const ReplicaName& name, Term term, LogIndex commit_index) override;
  void on_stop(const ReplicaName& name, const Status& status) override;
  void on_apply(const ReplicaName& name, const raft::Entry& entry, uint64_t digest) override;
  void on_order(NodeId node, const PlacementOrder& order) override { orders_.obeyed(node, order); }
  void on_birth(const ReplicaName& name) override { orders_.born(name); }
  void on_dropped(const ReplicaName& name) override;
  void on_index(const ReplicaName& name, IndexEvent event, LogIndex applied_index,
                uint64_t coverage, const GraphSight& graph) override;

  /// What a replica's index found at a moment.
  struct Coverage {
    ReplicaName name;
    IndexEvent event{};
    LogIndex applied_index;
    uint64_t coverage = 0;
    Instant at{};
  };
  /// All of them, in order; to be compared with the shards' models.
  const std::vector<Coverage>& coverages() const { return coverages_; }
  uint64_t index_events(IndexEvent event) const {
    return index_events_[static_cast<size_t>(event)];
  }

  /// A running replica of `group` whose graph was not looked through since then; none when all
  /// were.
  std::optional<ReplicaId> not_mended_since(GroupId group, Instant since) const;

  /// Whether the replica was removed by an order.
  bool was_dropped(ReplicaId replica) const;
  /// Whether a replica of it was removed by an order. Where one was, all of them go: what is left
  /// of the group need not have a leader.
  bool is_going(GroupId group) const;
  /// Whether it ever applied anything.
  bool has_applied(ReplicaId replica) const;

  /// The node that leads the most groups now (the lowest id among equals), or none.
  std::optional<NodeId> busiest_leader() const;
  /// The node whose running replica leads `group` in the newest term, or none.
  std::optional<NodeId> leader_of(GroupId group) const;

  /// What an eavesdropper knows of a replica that runs.
  struct Sight {
    ReplicaId replica;
    NodeId node;
    Term term;
    raft::Role role{};
    LogIndex applied_index;
  };
  /// The running replicas of `group`, by id.
  std::vector<Sight> sights(GroupId group) const;

  /// All groups that have a replica that was not dropped, by id.
  std::vector<GroupId> groups() const;
  /// Whether a replica of `group` ever started on `node`.
  bool ever_started(GroupId group, NodeId node) const;
  /// Nodes with replicas that were not dropped, of which none runs now.
  std::vector<NodeId> silent_nodes() const;
  /// Why the group is not all well: a replica that does not run, or has not applied all that
  /// another one has; nothing when `replicas` of them run and stand at one index. Replicas on nodes
  /// in `hurt` need not run.
  std::optional<std::string> divergence(GroupId group, size_t replicas,
                                        const std::set<NodeId>& hurt) const;

  /// The payloads of entries 1, 2, ... of `group` as far as they were applied; null for those
  /// without a command.
  const std::vector<raft::Payload>& applied_entries(GroupId group) const;
  uint64_t leader_changes() const { return leader_changes_; }
  uint64_t snapshots_installed() const { return snapshots_installed_; }
  uint64_t entries_applied() const { return entries_applied_; }

 private:
  struct Member {
    NodeId node;
    Term term;
    raft::Role role = raft::Role::follower;
    bool running = false;
    bool dropped = false;
    LogIndex applied_index;
    /// Without an entry of the log in between.
    uint32_t snapshots_in_row = 0;
  };
  struct Group {
    std::map<ReplicaId, Member> members;
    /// By index, from 1.
    std::vector<raft::Payload> entries;
    /// After that entry.
    std::vector<uint64_t> digests;
    /// Whether the entry of that position was seen.
    std::vector<bool> known;
  };

  const Member* find_member(ReplicaId replica) const;
  void observe(const ReplicaName& name, raft::SafetyChecker::Observation observation);
  void remember(Group& group, const ReplicaName& name, const raft::Entry& entry, uint64_t digest);

  void stopped(GroupId group_id, ReplicaId replica, Member* member);

  std::function<Instant()> now_;
  Stopped stopped_;
  Restored restored_;
  ViolationLog& log_;
  OrderWatch orders_;
  raft::SafetyChecker safety_;
  bool safety_reported_ = false;
  std::map<GroupId, Group> groups_;
  std::vector<Coverage> coverages_;
  std::array<uint64_t, kIndexEvents> index_events_{};
  uint64_t leader_changes_ = 0;
  uint64_t snapshots_installed_ = 0;
  uint64_t entries_applied_ = 0;
};

}  // namespace vectron::sim
