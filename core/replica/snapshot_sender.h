// SnapshotSender: snapshots on their way to followers that the log no longer reaches.
//
// A snapshot is the content of the leader's store at its flushed index, in pages of pairs in order
// of keys. At most one goes to each follower: a newer request ends the older one. Owned by a
// Replica, lives on its event loop.
#pragma once

#include <map>
#include <memory>

#include "core/async/task_group.h"
#include "core/env/env.h"
#include "core/kv/kv_store.h"
#include "core/raft/ready.h"
#include "core/replica/log_retention.h"
#include "core/replica/raft_links.h"
#include "core/replica/replica_config.h"

namespace vectron {

/// A bounded, unmoving view of a replica's store at its flushed index.
struct PinnedStore {
  std::unique_ptr<KvReader> reader;
  LogIndex index;
  Term term;
};

class SnapshotSender {
 public:
  /// Whose snapshots are sent.
  class Source {
   public:
    virtual ~Source() = default;
    /// Its store at `index_min` or later. Errors: there is none now.
    virtual Task<Result<PinnedStore>> pin(LogIndex index_min) = 0;
    /// What a snapshot of this view is called.
    virtual raft::SnapshotMeta meta_of(const PinnedStore& pinned) const = 0;
    /// A snapshot has arrived, or was given up. Not called for one that was cancelled.
    virtual void snapshot_ended(ReplicaId to, const Result<void>& outcome) = 0;
  };
  /// All of it outlives the sender, but for the tasks, which go first.
  struct Parts {
    Env* env = nullptr;
    RaftLinks* links = nullptr;
    Source* source = nullptr;
    /// Told which snapshots are on their way.
    LogRetention* retention = nullptr;
    /// The snapshots are tasks of this group.
    TaskGroup* tasks = nullptr;
  };
  struct Config {
    GroupId group;
    ReplicaId self;
    size_t chunk_bytes_max = 0;
    Duration chunk_timeout{};
  };

  SnapshotSender(Parts parts, Config config) : parts_(parts), config_(config) {}

  /// Sends what `request` asks for to `to`, whom it names.
  void send(raft::SnapshotRequest request, ReplicaMember to);
  /// Ends all of them where they stand.
  void cancel_all();
  /// How many are on their way.
  size_t size() const { return tasks_.size(); }

 private:
  Task<void> run(raft::SnapshotRequest request, ReplicaMember to);
  Task<Result<void>> stream(raft::SnapshotRequest request, ReplicaMember to);

  Parts parts_;
  Config config_;
  std::map<ReplicaId, TaskGroup::TaskNumber> tasks_;  // By receiver.
};

}  // namespace vectron
