// RaftTransport: carries Raft messages and snapshots between nodes over RPC.
//
// Messages of all groups to one node that are made in one turn of the event loop travel in one
// frame, heartbeats of many groups included. Snapshots have channels of their own, so that a
// megabyte does not delay a heartbeat.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>

#include "core/async/event_queue.h"
#include "core/async/task_group.h"
#include "core/env/env.h"
#include "core/replica/raft_links.h"
#include "core/rpc/channel_pool.h"
#include "schemas/raft_rpc.h"

namespace vectron {

class ReplicaHost;

/// The two translations between core/raft's messages and the wire; inverse to one another. A
/// message of the wire that names an unknown kind is an error: invalid_argument.
wire::RaftMessage to_wire(GroupId group, const raft::Message& message);
Result<raft::Message> from_wire(const wire::RaftMessage& message);

/// Owned by a service, outlives its ReplicaHost.
class RaftTransport final : public RaftLinks {
 public:
  RaftTransport(Env* env, rpc::ClientConfig config);

  bool send(GroupId group, const ReplicaMember& to, raft::Message message) override;
  Task<Result<uint64_t>> send_snapshot(ReplicaMember to, SnapshotPiece piece,
                                       Instant deadline) override;

 private:
  /// What waits for one node; sends itself at the end of the turn.
  class Outbox final : public QueuedEvent {
   public:
    Outbox(RaftTransport* owner, rpc::NodeAddress peer) : owner_(owner), peer_(std::move(peer)) {}
    bool add(GroupId group, const raft::Message& message);

    /// The node is elsewhere now; what waits goes there.
    void move_to(const Address& address) {
      if (peer_.address != address) peer_.address = address;
    }

    /// Messages that wait to be overtaken.
    static constexpr size_t kOvertakenMessagesMax = 16;

   protected:
    void fire() override { flush(); }

   private:
    void put(GroupId group, const raft::Message& message);
    void flush();

    RaftTransport* owner_;
    rpc::NodeAddress peer_;
    wire::RaftBatch batch_;
    size_t batch_bytes_ = 0;
    /// Go with the next frame (MessageFate::overtake).
    std::vector<wire::RaftMessage> overtaken_;
    size_t overtaken_bytes_ = 0;
    /// The last frame was not taken.
    bool dropping_ = false;
  };

  Env* env_;
  rpc::ChannelPool messages_;
  rpc::ChannelPool bulk_;
  std::map<NodeId, std::unique_ptr<Outbox>> outboxes_;
};

/// The receiving side: gives what arrives to the replicas of a host. A batch that takes longer than
/// a turn of the event loop (batch_pieces.h) is worked through over several, and what its node
/// sends next waits behind it.
class RaftReceiver final : public wire::RaftHandler {
 public:
  /// `host` outlives the receiver.
  explicit RaftReceiver(ReplicaHost* host);

  void step(RequestContext context, wire::RaftBatch request) override;
  Task<Result<wire::SnapshotChunkReply>> install_snapshot(RequestContext context,
                                                          wire::SnapshotChunk request) override;

 private:
  struct Waiting {
    NodeId peer;
    wire::RaftBatch batch;
    size_t bytes = 0;
  };
  /// Of all nodes together; beyond it batches are refused, and come again as Raft's messages do.
  static constexpr size_t kWaitingBytesMax = 16 << 20;

  void take(NodeId peer, wire::RaftBatch batch);
  Task<void> work_through();
  void take_next();

  ReplicaHost* host_;
  std::deque<Waiting> waiting_;
  /// How many of them are a node's; none has an entry.
  std::map<NodeId, size_t> waiting_of_;
  size_t waiting_bytes_ = 0;
  bool working_ = false;
  TaskGroup tasks_;
};

}  // namespace vectron
