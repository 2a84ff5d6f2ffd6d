// The ReadIndex requests that a leader is answering (dissertation 6.4).
//
// A read is served at the commit index of its arrival, once a quorum has confirmed, by echoing a
// round number sent after that arrival, that this leader was not deposed. Rounds are batched: while
// one is out, new requests wait and share the next, so any number of reads costs one round trip of
// heartbeats at a time. Owned by Raft; empty on a follower.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "core/raft/types.h"

namespace vectron::raft {

class ReadOnly {
 public:
  struct Request {
    uint64_t request_id = 0;
    /// Who asked: this replica or a follower that forwarded.
    ReplicaId from;
    /// Zero while the leader has not committed an entry of its term and so does not know its index.
    LogIndex index;
    /// The round that must be confirmed; zero while it waits for the next one.
    uint64_t round = 0;
  };

  explicit ReadOnly(size_t requests_max) : requests_max_(requests_max) {}

  size_t count() const { return requests_.size(); }
  bool full() const { return count() >= requests_max_; }
  uint64_t round() const { return round_; }

  /// Requires: not full. An `index` of zero postpones the request until commit_known().
  void add(Request request);

  /// The planted bug read_joins_older_round: as add(), but the request takes part in a round that
  /// is out already, which says nothing of the time after it was sent. Requires: an index.
  void add_to_last_round(Request request);

  /// The leader committed an entry of its own term: postponed requests are to be served at
  /// `commit_index`.
  void commit_known(LogIndex commit_index);

  /// True when requests wait and no round is out.
  bool wants_round() const;

  /// Starts a round for all requests that can join it, and returns the number to send with the
  /// heartbeats. With nothing to join, returns the last round again.
  uint64_t begin_round();

  /// A quorum has echoed `round`: removes and returns the requests that it confirms, in order of
  /// arrival.
  std::vector<Request> confirm(uint64_t round);

  /// Leadership began or ended: removes and returns all requests; rounds start anew.
  std::vector<Request> reset();

 private:
  size_t requests_max_;
  /// In order of arrival, so in order of rounds: in a round, then waiting, then postponed.
  std::deque<Request> requests_;
  uint64_t round_ = 0;
  uint64_t confirmed_ = 0;
  /// Requests with an index and without a round.
  size_t waiting_ = 0;
  /// Requests without an index, at the end.
  size_t postponed_ = 0;
};

}  // namespace vectron::raft
