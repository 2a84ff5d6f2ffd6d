// ReplicaHost: all replicas of a node, with what they share: the write-ahead log, the ticks, the
// folder of the node.
//
// Owned by a service (placement, worker), on its event loop. Layout of the node's folder:
// `node.manifest` (whose folder it is), `wal/`, `replicas/<replica id>/replica.manifest`,
// `replicas/<replica id>/generation-<n>/`.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <vector>

#include "core/replica/replica.h"
#include "schemas/storage_messages.h"

namespace vectron {

/// Opens the node's folder: checks that it is this cluster's and this node's, and counts the start.
/// A new one gets a folder id of its own. The incarnation is above that of every start before, and
/// `incarnation_min` at least: for a folder that may be lost without harm, a clock's time.
/// Errors: failed_precondition (another cluster's or node's folder, or a newer format, by name),
/// data_loss.
Task<Result<stored::NodeManifest>> open_node_folder(Env* env, ClusterId cluster, NodeId node,
                                                    uint64_t incarnation_min = 0);

struct ReplicaHostConfig {
  ClusterId cluster;
  NodeId node;
  /// From open_node_folder.
  uint64_t incarnation = 0;
  ReplicaConfig replica;
  /// Its cluster and node are filled in.
  WalConfig wal;
};

class ReplicaHost {
 public:
  /// What the disk holds of a replica.
  enum class Presence : uint8_t {
    /// Nothing.
    absent,
    /// Made and durable, not running.
    born,
    running,
    /// It must not vote, and is kept as it is: the log names it and its folder is gone, its folder
    /// holds data and the log does not name it, its manifest or its store is missing or damaged, or
    /// it stopped for damage.
    lost,
  };

  /// Opens the log and looks at all replicas; starts none. `links` and `observer` (may be null)
  /// outlive the host.
  static Task<Result<std::unique_ptr<ReplicaHost>>> open(Env* env, ReplicaHostConfig config,
                                                         RaftLinks* links,
                                                         ReplicaObserver* observer);
  ReplicaHost(const ReplicaHost&) = delete;
  ReplicaHost& operator=(const ReplicaHost&) = delete;

  /// The manifests of all replicas on disk, by replica id.
  const std::map<ReplicaId, stored::ReplicaManifest>& manifests() const { return manifests_; }
  Presence presence(GroupId group, ReplicaId replica) const;
  /// True when the replica took part before this start: it may do so again without being told.
  bool took_part(GroupId group) const;

  /// Makes a replica with an empty log; durable on return. It does not run yet
  /// (docs/decisions/0008-replica-birth.md). `manifest` says what it is; its folder identity is
  /// filled in. Requires: presence is absent. Errors: of the disk (resource_exhausted at once when
  /// it is full).
  Task<Result<void>> bear(stored::ReplicaManifest manifest);
  /// Those whose birth failed before it was on record, since the start: there may be folders of
  /// them.
  const std::set<ReplicaId>& unborn() const { return unborn_; }
  /// Removes what the failed birth of one of them left. Errors: of the disk; it stays unborn.
  Task<Result<void>> remove_unborn(ReplicaId replica);

  /// Ends the replica, if it runs, and destroys all that the node holds of it: its manifest gets
  /// another name, which says that it is being removed; its data goes, so that there is space for
  /// what follows; then a durable tombstone in the log, then the folder. On return nothing of it is
  /// left. After a crash in between the rest is lost, and the same call goes on with it. While the
  /// disk is full it may take for ever. After an error it is lost: call again. The log of a group
  /// of which this node has another replica stays. Requires: it will never be borne again. Errors:
  /// of the disk.
  Task<Result<void>> drop(GroupId group, ReplicaId replica);

  /// Starts a born replica. Errors: data_loss (it is lost from then on); all others: it is as it
  /// was and may be started again, or dropped.
  Task<Result<Replica*>> start(GroupId group, std::unique_ptr<StateMachine> state_machine);

  /// The running replica of `group`, or null. Hold it over an await: drop() may come in between.
  std::shared_ptr<Replica> find(GroupId group) const;

  Env& env() { return *env_; }
  /// Counts a batch of messages that no right member sends.
  void note_refused_batch() { env_->metrics().add(Metric::raft_messages_refused); }

  /// Hands the leadership of every group to another member, as far as that is possible before
  /// `deadline` (this node's monotonic time). Groups go on meanwhile.
  Task<void> hand_over_all(Instant deadline);

  /// Notified when a replica's role, leader or applied entries changed: whoever waits for that
  /// looks for itself.
  Condition& changed() { return changed_; }

  /// Makes run_until() end with `why`: this node cannot go on for a reason outside of its replicas.
  void give_up(Status why) { ended_.set(std::move(why)); }

  /// Runs until `stop` (which may be null) is set, or until the node must stop: then its error is
  /// that of the write-ahead log, or of a replica that stopped for good.
  Task<Result<void>> run_until(Event* stop);

 private:
  ReplicaHost(Env* env, ReplicaHostConfig config, RaftLinks* links, ReplicaObserver* observer);

  Task<Result<void>> read_manifests();
  Task<void> put_back(std::shared_ptr<Replica> replica, WalGroupState state, Status why);
  bool has_another(GroupId group, ReplicaId replica) const;
  Task<Result<void>> begin_removal(ReplicaId replica);
  Task<Result<void>> remove_data(ReplicaId replica);
  Task<Result<void>> finish_drop(GroupId group, ReplicaId replica);
  Task<Result<void>> read_replica_folder(ReplicaId replica);
  void take_removed(ReplicaId replica);
  Result<void> leave_when_unreadable(ReplicaId replica, const Status& why);
  Task<Result<void>> bear_whole(stored::ReplicaManifest manifest);
  Task<Result<void>> take_unnamed(ReplicaId replica);
  Task<Result<void>> take_unlogged(ReplicaId replica);
  Task<Result<void>> remove_birth_remains(ReplicaId replica);
  void keep_as_lost(ReplicaId replica, std::string_view why);
  Task<Result<void>> look_for_generation(ReplicaId replica, uint64_t generation);
  const stored::ReplicaManifest* manifest_of(GroupId group) const;
  Task<void> tick_loop();
  std::optional<GroupId> tick_some(std::optional<GroupId> after);
  void look_at_log();
  Task<void> end_with(Event* stop);

  Env* env_;
  ReplicaHostConfig config_;
  RaftLinks* links_;
  ReplicaObserver* observer_;
  std::unique_ptr<Wal> wal_;
  std::map<GroupId, WalGroupState> recovered_;  // Of groups that are not running.
  std::map<ReplicaId, stored::ReplicaManifest> manifests_;
  std::set<ReplicaId> unborn_;
  std::set<ReplicaId> lost_;
  std::map<ReplicaId, std::string> unstarted_;  // Why the last try to start them failed.
  std::set<GroupId> took_part_;
  Semaphore scrub_turn_;
  std::map<GroupId, std::shared_ptr<Replica>> replicas_;
  Condition changed_;
  Completion<Status> ended_;  // Ok: somebody asked for it.
  TaskGroup tasks_;
};

/// Members as the wire names them, by replica id.
std::vector<ReplicaMember> members_of(const std::vector<wire::Member>& members);
/// The spec that a manifest describes.
ReplicaSpec spec_of(const stored::ReplicaManifest& manifest);

}  // namespace vectron
