#include "sim/oracle/planted_bugs.h"

#include <initializer_list>

#include "sim/oracle/violation.h"

namespace vectron::sim {

namespace {

using namespace oracle;

struct Row {
  std::string_view name;
  std::string_view meaning;
  std::initializer_list<std::string_view> found_by;
};

constexpr Row kRows[] = {
    {"ack_before_quorum",
     "an entry counts as committed as soon as the leader has it",
     {kRaftSafety}},
    {"commit_old_term_by_count",
     "an entry of an older term is committed by counting its copies",
     {kRaftSafety}},
    {"wal_skip_sync",
     "the log says that it is durable without having synced",
     {kDurability, kConvergence, kRaftSafety, kAcknowledgedWrites, kLinearizability}},
    {"forget_tombstone",
     "an upsert or delete leaves the old vector in the index, and a search believes it",
     {kSearch, kIndexCoverage}},
    {"read_without_quorum",
     "a leader answers linearizable reads without asking a quorum",
     {kReadFreshness, kLinearizability}},
    {"applied_index_apart",
     "the applied index is committed apart from its entries",
     {kReplicaDigest, kSearch, kAcknowledgedWrites, kLinearizability}},
    {"vote_twice", "a replica forgets that it has voted in this term", {kRaftSafety}},
    {"vote_without_log_check",
     "a replica votes for a candidate whose log is behind its own",
     {kRaftSafety}},
    {"append_without_previous_check",
     "a follower appends whatever comes, whether or not the entry before it matches",
     {kRaftSafety, kReplicaDigest}},
    {"keep_removed_replica",
     "a worker that is told to destroy a removed replica keeps it",
     {kRemoval, kLives}},
    {"removal_leaves_log",
     "a removed replica's group stays in the write-ahead log of its node",
     {kRemoval}},
    {"removal_unfenced",
     "a removal counts as complete while copies can still acknowledge writes",
     {kLives}},
    {"forget_request",
     "a shard does not remember request ids, so a repetition is done again",
     {kExactlyOnce, kSearch, kLinearizability, kVersions}},
    {"checkpoint_skips_tail",
     "a graph checkpoint claims to hold points that are not in it, and a restart believes it",
     {kIndexCoverage, kSearch, kReplicaDigest}},
    {"checkpoint_skips_checksum",
     "a restart takes a graph checkpoint without comparing it with its checksums",
     {kRot, kIndexCoverage, kSearch}},
    {"restore_forgets_holes",
     "a graph comes back from a checkpoint without the ways that led through removed points",
     {kIndexReach, kSearchRecall}},
    {"rebuild_forgets_deletes",
     "what is deleted while a graph is built anew comes back with it",
     {kIndexCoverage, kSearch}},
    {"drain_drops_writes",
     "a worker that is stopping still acknowledges writes, and drops them",
     {kLinearizability, kAcknowledgedWrites, kReadFreshness, kVersions}},
    {"drain_waits_for_ever",
     "a node that is told to stop waits until others lead all that it leads, whoever they are",
     {kOrderlyStop}},
    {"starting_is_an_old_server",
     "a placement node that starts says that it does not know what others ask of it",
     {kContract}},
    {"counts_wait_for_heartbeat",
     "a worker tells how many points it has only when its next heartbeat is due",
     {kCounts}},
    {"search_skips_tail", "an approximate search looks for points in the graph alone", {kSearch}},
    {"wal_lose_tail",
     "recovery of the log drops its last record without a word",
     {kDurability, kConvergence, kRaftSafety, kAcknowledgedWrites, kLinearizability}},
    {"merge_keeps_worst",
     "the gateway keeps the worst hits of its shards instead of the best",
     {kSearch}},
    {"merge_drops_one_shard",
     "the gateway leaves one shard's hits out and says that it answered",
     {kSearch}},
    {"partial_search_gives_up",
     "a search that may be partial names every shard but the first as missing",
     {kAvailability}},
    {"refused_write_is_done",
     "a write that is refused for want of memory is carried out all the same",
     {kLinearizability, kSearch, kVersions}},
    {"resend_unknown_write",
     "the gateway sends a write again whose outcome is unknown",
     {kLinearizability, kSearch}},
    {"http_duplicate_on_retry",
     "the HTTP client sends a request again that had no answer",
     {kLinearizability, kSearch}},
    {"snapshot_misses_overlay",
     "a snapshot says that it holds what only the overlay holds",
     {kReplicaDigest, kRaftSafety, kConvergence, kSearch, kLinearizability, kDurability}},
    {"upsert_keeps_old_payload",
     "an upsert of a point that exists stores the old payload with the new vector",
     {kLinearizability, kSearch, kEventualReads, kVersions}},
    {"remove_leaves_stored",
     "a delete takes the point from the index and leaves it in the store",
     {kLinearizability, kSearch, kEventualReads, kReadFreshness}},
    {"ignore_sync_failure",
     "the log believes a sync that failed",
     {kDurability, kConvergence, kRaftSafety, kAcknowledgedWrites, kLinearizability}},
    {"trust_rotten_value",
     "no stored value is compared with its checksum",
     {kReplicaDigest, kSearch, kLinearizability, kEventualReads, kVersions, kDurability,
      kAcknowledgedWrites}},
    {"believe_absence",
     "a key that is not found is taken for absent, though the store holds it",
     {kReplicaDigest, kSearch, kLinearizability, kEventualReads, kVersions, kAcknowledgedWrites,
      kReadFreshness}},
    {"remove_unnamed_replica",
     "a start removes a replica's folder whose manifest is gone, without asking log or store",
     {kDurability}},
    {"reuse_replica_after_disk_loss",
     "a replica whose disk is gone takes part again with an empty log",
     {kRaftSafety}},
    {"stale_read_after_pause",
     "a leader counts a read lease in its own ticks, of which none passes while it is paused",
     {kReadFreshness, kLinearizability, kLives}},
    {"trust_any_peer",
     "a replica takes whatever comes as a message of its group, whoever sent it",
     {kRaftSafety, kDurability, kConvergence, kAvailability, kReplicaDigest}},
    {"short_write_is_damage",
     "a store whose write ended early on a full disk takes the device for broken",
     {kDurability, kConvergence, kAvailability}},
    {"descriptors_end_the_log",
     "the log fails for good when there is no descriptor to sync its folder with",
     {kDurability}},
    {"log_waits_for_nobody",
     "a leader drops what a follower still lacks, and fills it with snapshots again and again",
     {kSnapshots}},
    {"unread_answers_are_free", "answers that nobody takes count against no bound", {kPeers}},
    {"slow_frames_stay", "a frame may come as slowly as its sender likes", {kPeers}},
    {"json_on_loop",
     "a gateway makes the JSON of every answer on its event loop, however large it is",
     {kLoop}},
    {"any_shard_map",
     "a worker answers whatever the epoch of the sender's shard map is",
     {kContract}},
    {"hello_is_remembered",
     "a server remembers for good what anybody says of a node's incarnation",
     {kBounds, kAvailability}},
    {"no_room_for_votes",
     "the log keeps nothing of the disk for the time that it is full",
     {kFullDisk}},
};

}  // namespace

const std::vector<PlantedBug>& planted_bugs() {
  static const std::vector<PlantedBug> kBugs = [] {
    std::vector<PlantedBug> bugs;
    for (const Row& row : kRows) bugs.push_back({row.name, row.meaning, row.found_by});
    return bugs;
  }();
  return kBugs;
}

const PlantedBug* find_planted_bug(std::string_view name) {
  for (const PlantedBug& bug : planted_bugs()) {
    if (bug.name == name) return &bug;
  }
  return nullptr;
}

}  // namespace vectron::sim
