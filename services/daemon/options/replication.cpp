// Options of nodes that keep replicas: Raft, and what is kept of logs.
#include "services/daemon/options/rows.h"

namespace vectron::options {

void add_replication(Rows* rows) {
  using R = ReplicaConfig;
  const auto field = [](auto member) { return at(&Settings::replica, member); };
  rows->push_back({"tick_ms", kReplicas,
                   "How long one Raft tick is; election_ticks and heartbeat_ticks count in it.",
                   milliseconds(field(&R::tick_interval), 1, 60'000)});
  rows->push_back({"election_ticks", kReplicas,
                   "Ticks without a leader before a follower campaigns (up to twice that). The "
                   "same on all nodes.",
                   count(field(&R::election_ticks), 2, 10'000)});
  rows->push_back({"heartbeat_ticks", kReplicas, "Ticks between two heartbeats of a leader.",
                   count(field(&R::heartbeat_ticks), 1, 5'000)});
  rows->push_back({"append_bytes_max", kReplicas,
                   "How many bytes of entries one message to a follower holds.",
                   bytes(field(&R::append_bytes_max), 1'024, kAppendBytesMax, 32 << 20)});
  rows->push_back(
      {"uncommitted_bytes_max", kReplicas,
       "How many bytes of writes a leader may have taken that are not committed; more are refused.",
       bytes(field(&R::uncommitted_bytes_max), 1'024)});
  rows->push_back(
      {"pending_proposals_max", kReplicas,
       "How many writes a leader may have taken that are not committed; more are refused.",
       count(field(&R::pending_proposals_max), 1)});
  rows->push_back({"log_entries_kept_max", kReplicas,
                   "How many entries of the log are kept for followers that lag; those that are "
                   "further behind get a snapshot.",
                   count(field(&R::log_entries_kept_max), 1)});
  rows->push_back({"log_bytes_kept_max", kReplicas,
                   "How many bytes of the log are kept for followers that lag; those that are "
                   "further behind get a snapshot.",
                   bytes(field(&R::log_bytes_kept_max), 1'024)});
  rows->push_back({"log_bytes_waiting_max", kReplicas,
                   "How many bytes of the log are kept for a follower that answers and is behind, "
                   "until it has caught up.",
                   bytes(field(&R::log_bytes_waiting_max), 1'024)});
  rows->push_back(
      {"snapshot_chunk_bytes_max", kReplicas,
       "How large one piece of a snapshot on its way to a follower is.",
       bytes(field(&R::snapshot_chunk_bytes_max), 1'024, kSnapshotChunkBytesMax, 32 << 20)});
  rows->push_back({"snapshot_chunk_timeout_ms", kReplicas,
                   "How long a follower may take for one piece of a snapshot; then the snapshot is "
                   "begun again.",
                   milliseconds(field(&R::snapshot_chunk_timeout), 1)});
}

}  // namespace vectron::options
