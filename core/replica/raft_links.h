// RaftLinks: how replicas of a node reach their peers on other nodes.
//
// An interface, so that core/replica's tests can carry messages themselves; RaftTransport
// (raft_transport.h) is the real one.
#pragma once

#include "core/async/task.h"
#include "core/base/bytes.h"
#include "core/base/ids.h"
#include "core/base/result.h"
#include "core/base/time.h"
#include "core/env/network.h"
#include "core/raft/types.h"

namespace vectron {

/// A member of a group and where it lives.
struct ReplicaMember {
  ReplicaId replica;
  NodeId node;
  Address address;
  bool operator==(const ReplicaMember&) const = default;
};

/// A piece of a snapshot: some pairs of the store in order of keys. docs/internals/replica.md.
struct SnapshotPiece {
  GroupId group;
  ReplicaId from;
  ReplicaId to;
  /// The sending leader's.
  Term term;
  /// What the whole snapshot is.
  raft::SnapshotMeta meta;
  /// Of `page` in the stream of pages; 0 begins anew.
  uint64_t offset = 0;
  /// An encoded KeyValuePage.
  Bytes page;
  bool last = false;
  /// In the last piece: KvStore::digest of the whole content.
  uint64_t digest = 0;
};

class RaftLinks {
 public:
  virtual ~RaftLinks() = default;

  /// Sends a message; it may be lost. Never waits. Returns false when it was dropped here, because
  /// the peer's queue is full.
  virtual bool send(GroupId group, const ReplicaMember& to, raft::Message message) = 0;

  /// Sends a piece of a snapshot on a connection of its own and returns the offset wanted next.
  virtual Task<Result<uint64_t>> send_snapshot(ReplicaMember to, SnapshotPiece piece,
                                               Instant deadline) = 0;
};

}  // namespace vectron
