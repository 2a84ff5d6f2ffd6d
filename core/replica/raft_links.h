// RaftLinks: how replicas of a node reach their peers on other nodes.
//
// An interface, so that core/replica's tests can carry messages themselves; RaftTransport
// (raft_transport.h) is the real one.
#pragma once

#include "core/async/task.h"
#include "core/base/bytes.h"
#include "core/base/ids.h"
#include "core/base/result.h"
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
  Term term;                ///< The sending leader's.
  raft::SnapshotMeta meta;  ///< What the whole snapshot is.
  uint64_t offset = 0;      ///< Of `page` in the stream of pages; 0 begins anew.
  Bytes page;               ///< An encoded KeyValuePage.
  bool last = false;
  uint64_t digest = 0;  ///< In the last piece: KvStore::digest of the whole content.
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
