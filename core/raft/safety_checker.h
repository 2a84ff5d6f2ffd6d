// The five safety properties of Raft (paper, figure 3), checked over all members of any number of
// groups while they run.
//
// An oracle for the explorer and the simulation: it stands outside, is told what each member did,
// and keeps its own picture of every log as a chain of hashes, so that comparing two prefixes is
// comparing two numbers. Each observation costs O(what changed). Memory: about 48 bytes for each
// log index of a group, for the checker's life. Owned by one executor.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/raft/ready.h"
#include "core/raft/types.h"

namespace vectron::raft {

class Raft;

enum class SafetyProperty : uint8_t {
  /// At most one leader in a term.
  election_safety,
  /// A leader never overwrites or deletes entries of its log.
  leader_append_only,
  /// Two logs with an entry of the same index and term are identical up to it.
  log_matching,
  /// A committed entry is in the logs of the leaders of all later terms.
  leader_completeness,
  /// No two members commit or apply different entries at one index, or out of order.
  state_machine_safety,
};
std::string_view to_string(SafetyProperty property);

struct SafetyViolation {
  SafetyProperty property = SafetyProperty::election_safety;
  GroupId group;
  std::string description;
};

class SafetyChecker {
 public:
  /// What one member did since its last observation; parts of one step may come in several, in any
  /// order that tells `appended` before `applied`. Views need to live only for the call.
  struct Observation {
    GroupId group;
    ReplicaId replica;
    Term term;
    Role role = Role::follower;
    /// Entries before it are compacted.
    LogIndex first_index{1};
    LogIndex commit_index;
    /// The log was replaced by this snapshot, before `appended`.
    const SnapshotMeta* installed = nullptr;
    /// They replace what the log had from their first index on.
    std::span<const Entry> appended;
    std::span<const Entry> applied;
  };

  /// A member began, or began again after a crash, with this log.
  struct Start {
    GroupId group;
    ReplicaId replica;
    Term term;
    const SnapshotMeta* snapshot = nullptr;
    std::span<const Entry> entries;
    LogIndex applied_index;
  };
  void started(const Start& start);
  /// A member crashed or left: what it leads or holds counts no more.
  void stopped(GroupId group, ReplicaId replica);
  void observe(const Observation& observation);

  /// The same, taken from a member that was just made, and from each Ready right after ready()
  /// returned it.
  void started(GroupId group, const Raft& raft);
  void observe(GroupId group, const Raft& raft, const Ready& ready);

  /// The first violation seen; it stays.
  const std::optional<SafetyViolation>& violation() const { return violation_; }

  /// The highest index that any member has committed: what a read that begins now must see.
  LogIndex committed_index(GroupId group) const;

 private:
  /// An entry together with all before it.
  struct Link {
    Term term;
    /// Hash over this entry and all before it.
    uint64_t chain = 0;
    bool operator==(const Link&) const = default;
  };
  struct Member {
    ReplicaId id;
    bool running = false;
    Role role = Role::follower;
    Term term;
    /// The compacted prefix ends here, with `base`.
    LogIndex base_index;
    Link base;
    std::deque<Link> links;
    LogIndex commit_index;
    /// Beyond commit_index while the entries have not been told yet.
    LogIndex told_commit_index;
    LogIndex applied_index;

    LogIndex last_index() const { return base_index + links.size(); }
    /// Requires: base_index <= index <= last_index().
    const Link& at(LogIndex index) const;
  };
  /// All that was ever seen at one index; nearly always one entry.
  struct Slot {
    Link first;
    std::vector<Link> others;
    /// Its term is zero while nothing is committed here.
    Link committed;
  };
  struct CommitMark {
    /// The term in which it was first seen committed.
    Term term;
    /// The highest index committed in this term or an earlier one.
    LogIndex index;
  };
  struct Group {
    GroupId id;
    std::map<ReplicaId, Member> members;
    std::map<Term, ReplicaId> leaders;
    /// By index; the first stands for the empty log.
    std::vector<Slot> slots{Slot{}};
    LogIndex committed_index;
    /// By term.
    std::vector<CommitMark> marks;
  };

  Group& group_of(GroupId id);
  Link link_after(const Link& previous, const Entry& entry) const;
  void install(Group& group, Member& member, const SnapshotMeta& snapshot);
  void append(Group& group, Member& member, std::span<const Entry> entries, bool still_leads);
  void remember(Group& group, const Member& member, LogIndex index, const Link& link);
  void elect(Group& group, Member& member);
  void commit(Group& group, Member& member, LogIndex index);
  void mark_commit(Group& group, Term term);
  void apply(Group& group, Member& member, std::span<const Entry> entries);
  void check_contains(Group& group, const Member& leader, LogIndex index);
  void compact(Member& member, LogIndex first_index);
  void fail(SafetyProperty property, const Group& group, std::string description);

  std::map<GroupId, Group> groups_;
  std::optional<SafetyViolation> violation_;
};

}  // namespace vectron::raft
