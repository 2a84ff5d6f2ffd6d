// What one Raft member is told at its start: its timing in ticks, its bounds, and the bugs planted
// by the simulation.
//
// Fixed for the member's life. The replica layer makes it from the node's configuration; one tick
// is whatever interval the caller ticks at.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/base/ids.h"
#include "core/base/result.h"

namespace vectron::raft {

/// Bugs that only the simulation and the explorer switch on, to prove that their checks find them.
/// Production never does.
struct Planted {
  /// Commits entries of older terms by counting replicas (paper, figure 8).
  bool commit_old_term_by_count = false;
  /// A new leader appends no entry of its own, so that commit_old_term_by_count has the time that
  /// figure 8 needs.
  bool skip_noop = false;
  /// The leader commits as soon as its own disk has the entry.
  bool ack_before_quorum = false;
  /// Answers a ReadIndex without asking anybody whether it still leads.
  bool read_index_without_quorum = false;
  /// Forgets that it has voted in this term.
  bool vote_twice = false;
  /// Votes for a candidate whose log is behind.
  bool vote_without_log_check = false;
  /// Sends votes and append replies before they are durable.
  bool ack_before_persist = false;
  /// Cuts the log after every append, so a late message erases newer entries.
  bool truncate_on_any_append = false;
  /// Appends whatever comes, whether or not the previous entry matches.
  bool append_without_previous_check = false;

  /// Asks for votes before its term and its own vote are durable.
  bool campaign_before_persist = false;
  /// A ReadIndex joins the round that was sent before it came.
  bool read_joins_older_round = false;

  bool any() const {
    return campaign_before_persist || read_joins_older_round || commit_old_term_by_count ||
           skip_noop || ack_before_quorum || read_index_without_quorum || vote_twice ||
           vote_without_log_check || ack_before_persist || truncate_on_any_append ||
           append_without_previous_check;
  }
};

struct Config {
  /// This member's id; in the membership as voter or learner. Never reused, not even after its disk
  /// is lost.
  ReplicaId self;

  /// Ticks without a leader's message after which a follower may campaign; the actual timeout is
  /// drawn anew for each election from [election_ticks, 2 * election_ticks). Also the leader's
  /// check-quorum interval and the length of the lease within which votes for others are ignored.
  /// At least 2 * heartbeat_ticks, better 10.
  uint32_t election_ticks = 10;
  /// Ticks between two heartbeats of a leader. At least 1.
  uint32_t heartbeat_ticks = 1;

  /// Entry bytes (Entry::cost_bytes) in one append message; a single larger entry still goes,
  /// alone.
  size_t append_bytes_max = 1 << 20;
  /// Append messages with entries on the way to one follower before the leader waits for a reply.
  /// No option sets it.
  size_t inflight_messages_max = 64;
  /// Entry bytes on the way to one follower; one message is always allowed. At least
  /// append_bytes_max.
  size_t inflight_bytes_max = 16 << 20;
  /// Bytes of entries that a leader has taken but not committed; propose() beyond it is refused.
  /// One entry is always allowed.
  size_t uncommitted_bytes_max = 64 << 20;
  /// Bytes of committed entries handed out and not yet reported by applied_to(); exceeded by at
  /// most one entry. No option sets it.
  size_t apply_bytes_max = 16 << 20;
  /// Bytes of entries in memory (since the last compact()) above which a leader refuses proposals,
  /// and committed but unapplied bytes above which a follower drops appends, as if they were lost.
  /// At least uncommitted_bytes_max.
  size_t log_bytes_max = 256 << 20;
  /// ReadIndex requests that wait for a quorum at one leader; more are refused. No option sets it.
  size_t pending_reads_max = 4096;

  /// Ask for votes without raising the term first, so that a member that was cut off does not
  /// depose a working leader.
  bool pre_vote = true;
  /// A leader that has not heard from a quorum for election_ticks steps down, and a follower that
  /// hears a leader ignores votes (dissertation 6.2, 4.2.3).
  bool check_quorum = true;

  /// Keys the stream of election timeouts (mixed with `self`). Should differ from one start to the
  /// next.
  uint64_t random_seed = 0;

  Planted planted;

  /// invalid_argument with the field at fault when the values do not fit together.
  Result<void> validate() const;
};

}  // namespace vectron::raft
