// The values that Raft speaks in: entries, hard state, membership, snapshots and messages.
//
// Plain data, owned by whoever holds it, touched by one executor at a time (payload bytes are
// immutable and shared). The write-ahead log stores entries and hard states, the replica layer
// encodes messages; neither format is defined here. Words are those of the Raft dissertation
// (Ongaro 2014).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "core/base/bytes.h"
#include "core/base/ids.h"

namespace vectron::raft {

/// The most voters a group may have; quorum arithmetic works on a stack array of this size.
inline constexpr size_t kVotersMax = 15;
/// The most members (voters and learners) a group may have.
inline constexpr size_t kMembersMax = 2 * kVotersMax;
/// What an entry costs in memory and on the wire besides its payload; byte limits count it.
inline constexpr size_t kEntryOverheadBytes = 64;

/// What an entry is for. The numbers are part of stored formats.
enum class EntryKind : uint8_t {
  /// A command for the state machine.
  normal = 0,
  /// Appended by a new leader so that it can commit (dissertation 6.4); the state machine ignores
  /// it.
  noop = 1,
  /// Reserved: a change of the group's members.
  membership = 2,
  /// Reserved: a mark in the log (backup, feature level).
  barrier = 3,
};

/// Immutable bytes, shared by the log, the messages to each peer, the WAL and apply, so none of
/// them copies a batch. Null means empty.
using Payload = std::shared_ptr<const Bytes>;

/// Makes a payload that owns `bytes`; null when they are empty.
inline Payload make_payload(Bytes bytes) {
  return bytes.empty() ? nullptr : std::make_shared<const Bytes>(std::move(bytes));
}
/// The bytes of a payload; they live as long as the payload does.
inline ByteView view(const Payload& payload) {
  return payload ? ByteView(*payload) : ByteView();
}

/// One slot of the replicated log. (term, index) names its content for ever (Log Matching).
struct Entry {
  Term term;
  LogIndex index;
  EntryKind kind = EntryKind::normal;
  Payload data;

  /// What byte limits count for this entry.
  size_t cost_bytes() const { return kEntryOverheadBytes + view(data).size(); }
};

/// What must survive a crash besides the entries. `commit_index` may be lost or be late: it is only
/// a hint at restart.
struct HardState {
  Term term;
  /// None (zero) when this replica has not voted in `term`.
  ReplicaId voted_for;
  LogIndex commit_index;

  bool operator==(const HardState&) const = default;
};

/// Who belongs to the group. Voters elect and commit; learners only receive. Both sorted, disjoint,
/// fixed for now.
struct Membership {
  std::vector<ReplicaId> voters;
  std::vector<ReplicaId> learners;

  bool is_voter(ReplicaId id) const;
  bool contains(ReplicaId id) const;
  bool operator==(const Membership&) const = default;
};

/// The state machine after applying all entries up to `index`, which has `term`. Index 0 is the
/// empty start of a group.
struct SnapshotMeta {
  LogIndex index;
  Term term;
  Membership membership;

  bool operator==(const SnapshotMeta&) const = default;
};

enum class Role : uint8_t { follower = 0, pre_candidate = 1, candidate = 2, leader = 3 };

/// The numbers are part of the wire format.
enum class MessageKind : uint8_t {
  /// Would you vote for me? Changes nobody's state (dissertation 9.6).
  pre_vote = 0,
  /// Granted: carries the asked term. Rejected: carries the voter's term.
  pre_vote_reply = 1,
  /// RequestVote (3.4).
  vote = 2,
  /// Sent once the vote is durable.
  vote_reply = 3,
  /// AppendEntries (3.5).
  append = 4,
  /// Success is sent once the entries are durable. Also answers a leader of an older term.
  append_reply = 5,
  /// Liveness, commit index and ReadIndex rounds; carries no entries, so nodes may coalesce it.
  heartbeat = 6,
  /// Echoes the round.
  heartbeat_reply = 7,
  /// Stepped by the replica layer itself when a streamed snapshot is durable; never on the wire.
  install_snapshot = 8,
  /// Campaign at once: leadership transfer (3.10).
  timeout_now = 9,
  /// A follower asks its leader for a ReadIndex (6.4).
  read_index = 10,
  read_index_reply = 11,
};
inline constexpr uint8_t kMessageKindCount = 12;

/// One message between two members of a group. Fields not named for a kind are zero.
struct Message {
  MessageKind kind = MessageKind::heartbeat;
  ReplicaId from;
  ReplicaId to;
  /// The sender's term; the term it campaigns for in pre_vote and vote.
  Term term;

  /// append: the entry before `entries`. append_reply: success: the last index known to match;
  /// rejection: the refused previous index. vote, pre_vote: the candidate's last index.
  /// read_index_reply: the index to wait for.
  LogIndex index;
  /// append, vote, pre_vote: the term of the entry at `index`.
  Term log_term;
  /// append, heartbeat: the leader's, as far as the receiver may use it.
  LogIndex commit_index;
  /// vote_reply, pre_vote_reply, append_reply, read_index_reply.
  bool rejected = false;
  /// append_reply with `rejected`: where the logs may agree (the newest entry of the follower, at
  /// or before `index`, whose term is not above the refused `log_term`), and its term.
  LogIndex hint_index;
  Term hint_term;
  /// heartbeat(_reply): the read round. read_index(_reply): the caller's request id.
  uint64_t context = 0;
  /// vote: asked for by the old leader, so a live leader is no reason to refuse.
  bool transfer = false;
  /// append: contiguous from index + 1.
  std::vector<Entry> entries;
  /// install_snapshot.
  SnapshotMeta snapshot;
};

/// True when the fields of a message from outside fit together (entries contiguous, terms ascending
/// and not above the sender's). A message that is not well formed is dropped.
bool is_well_formed(const Message& message);

std::string_view to_string(EntryKind kind);
std::string_view to_string(Role role);
std::string_view to_string(MessageKind kind);

}  // namespace vectron::raft
