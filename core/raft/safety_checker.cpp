#include "core/raft/safety_checker.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/assert.h"
#include "core/base/hash.h"
#include "core/raft/raft.h"

namespace vectron::raft {

std::string_view to_string(SafetyProperty property) {
  switch (property) {
    case SafetyProperty::election_safety:
      return "Election Safety";
    case SafetyProperty::leader_append_only:
      return "Leader Append-Only";
    case SafetyProperty::log_matching:
      return "Log Matching";
    case SafetyProperty::leader_completeness:
      return "Leader Completeness";
    case SafetyProperty::state_machine_safety:
      return "State Machine Safety";
  }
  return "invalid";
}

const SafetyChecker::Link& SafetyChecker::Member::at(LogIndex index) const {
  VECTRON_ASSERT(index >= base_index && index <= last_index(), "{} outside [{}, {}]", index,
                 base_index, last_index());
  return index == base_index ? base : links[index - base_index - 1];
}

void SafetyChecker::started(GroupId group, const Raft& raft) {
  const Log& log = raft.log();
  std::vector<Entry> entries;
  if (log.last_index() >= log.first_index())
    entries = log.slice({.from = log.first_index(), .through = log.last_index()});
  started({.group = group,
           .replica = raft.self(),
           .term = raft.term(),
           .snapshot = &log.snapshot(),
           .entries = entries,
           .applied_index = raft.applied_index()});
}

void SafetyChecker::started(const Start& start) {
  VECTRON_ASSERT(start.snapshot != nullptr && start.replica);
  Group& group = group_of(start.group);
  Member& member = group.members[start.replica];
  member = Member{.id = start.replica, .running = true, .term = start.term};
  install(group, member, *start.snapshot);
  append(group, member, start.entries, false);
  member.applied_index = start.applied_index;
}

void SafetyChecker::stopped(GroupId group, ReplicaId replica) {
  Member& member = group_of(group).members[replica];
  VECTRON_ASSERT(member.id == replica, "replica {} never started", replica);
  member.running = false;
  member.role = Role::follower;
}

void SafetyChecker::observe(GroupId group, const Raft& raft, const Ready& ready) {
  observe({.group = group,
           .replica = raft.self(),
           .term = raft.term(),
           .role = raft.role(),
           .first_index = raft.first_index(),
           .commit_index = raft.commit_index(),
           .installed = ready.persist.snapshot ? &*ready.persist.snapshot : nullptr,
           .appended = ready.persist.entries,
           .applied = ready.committed});
}

void SafetyChecker::observe(const Observation& observation) {
  if (violation_) return;
  Group& group = group_of(observation.group);
  Member& member = group.members[observation.replica];
  VECTRON_ASSERT(member.running, "replica {} was not started", observation.replica);
  const bool led = member.role == Role::leader && member.term == observation.term;
  const bool still_leads = led && observation.role == Role::leader;
  if (observation.installed != nullptr) install(group, member, *observation.installed);
  append(group, member, observation.appended, still_leads);
  member.role = observation.role;
  member.term = observation.term;
  if (member.role == Role::leader && !led) elect(group, member);
  member.told_commit_index = std::max(member.told_commit_index, observation.commit_index);
  commit(group, member, std::min(member.told_commit_index, member.last_index()));
  apply(group, member, observation.applied);
  compact(member, observation.first_index);
}

LogIndex SafetyChecker::committed_index(GroupId group) const {
  const auto it = groups_.find(group);
  return it == groups_.end() ? LogIndex() : it->second.committed_index;
}

SafetyChecker::Group& SafetyChecker::group_of(GroupId id) {
  Group& group = groups_[id];
  group.id = id;
  return group;
}

SafetyChecker::Link SafetyChecker::link_after(const Link& previous, const Entry& entry) const {
  const uint64_t content = hash64(view(entry.data), static_cast<uint64_t>(entry.kind));
  const uint64_t position = mix64(entry.index.value()) ^ entry.term.value();
  return {entry.term, mix64(previous.chain ^ mix64(content ^ mix64(position)))};
}

void SafetyChecker::install(Group& group, Member& member, const SnapshotMeta& snapshot) {
  const size_t slot = snapshot.index.value();
  member.links.clear();
  member.base_index = snapshot.index;
  member.commit_index = std::max(member.commit_index, snapshot.index);
  member.applied_index = snapshot.index;
  if (slot == 0) {
    member.base = Link{};
    return;
  }
  if (snapshot.index > group.committed_index)
    return fail(SafetyProperty::state_machine_safety, group,
                fmt::format("replica {} starts from a snapshot at {}, committed is {}", member.id,
                            snapshot.index, group.committed_index));
  VECTRON_ASSERT(slot < group.slots.size());
  member.base = group.slots[slot].committed;
  if (member.base.term != snapshot.term)
    fail(SafetyProperty::state_machine_safety, group,
         fmt::format("replica {} has a snapshot at {} of term {}, committed is term {}", member.id,
                     snapshot.index, snapshot.term, member.base.term));
}

void SafetyChecker::append(Group& group, Member& member, std::span<const Entry> entries,
                           bool still_leads) {
  if (entries.empty() || violation_) return;
  const LogIndex first = entries.front().index;
  if (first > member.last_index() + 1 || first <= member.base_index)
    return fail(SafetyProperty::log_matching, group,
                fmt::format("replica {} appends {} to a log over ({}, {}]", member.id, first,
                            member.base_index, member.last_index()));
  if (still_leads && first <= member.last_index())
    return fail(
        SafetyProperty::leader_append_only, group,
        fmt::format("leader {} of term {} replaces its entry {}", member.id, member.term, first));
  member.links.resize(first - member.base_index - 1);
  for (const Entry& entry : entries) {
    const Link link = link_after(member.at(member.last_index()), entry);
    member.links.push_back(link);
    remember(group, member, entry.index, link);
  }
}

// Log Matching: whoever has an entry of this index and term must have the same one, after the same
// prefix.
void SafetyChecker::remember(Group& group, const Member& member, LogIndex index, const Link& link) {
  VECTRON_ASSERT(link.term > Term(0) && index > LogIndex(0));
  if (group.slots.size() <= index.value()) group.slots.resize(index.value() + 1);
  Slot& slot = group.slots[index.value()];
  if (slot.first == link) return;
  if (slot.first.term == Term()) {
    slot.first = link;
    return;
  }
  const auto is_of_term = [&](const Link& other) { return other.term == link.term; };
  const auto seen = std::ranges::find_if(slot.others, is_of_term);
  const bool is_known = is_of_term(slot.first) || seen != slot.others.end();
  if (!is_known) {
    slot.others.push_back(link);
  } else if (is_of_term(slot.first) || *seen != link) {
    fail(SafetyProperty::log_matching, group,
         fmt::format("replica {} has another entry, or another prefix, at index {} term {}",
                     member.id, index, link.term));
  }
}

void SafetyChecker::elect(Group& group, Member& member) {
  VECTRON_ASSERT(member.role == Role::leader);
  const auto [it, is_new] = group.leaders.try_emplace(member.term, member.id);
  if (it->second != member.id)
    return fail(
        SafetyProperty::election_safety, group,
        fmt::format("replicas {} and {} lead in term {}", it->second, member.id, member.term));
  // What was committed in a later term than this late winner's binds it not.
  const auto mark = std::ranges::lower_bound(group.marks, member.term, {}, &CommitMark::term);
  if (mark != group.marks.begin()) check_contains(group, member, std::prev(mark)->index);
}

void SafetyChecker::check_contains(Group& group, const Member& leader, LogIndex index) {
  VECTRON_ASSERT(index.value() < group.slots.size());
  if (index <= leader.base_index) return;
  const bool has =
      index <= leader.last_index() && leader.at(index) == group.slots[index.value()].committed;
  if (!has)
    fail(SafetyProperty::leader_completeness, group,
         fmt::format("leader {} of term {} lacks the committed entry {} of term {}", leader.id,
                     leader.term, index, group.slots[index.value()].committed.term));
}

void SafetyChecker::commit(Group& group, Member& member, LogIndex index) {
  if (violation_ || index <= member.commit_index) return;
  const LogIndex known = std::min(index, group.committed_index);
  if (known >= member.base_index && member.at(known) != group.slots[known.value()].committed)
    return fail(
        SafetyProperty::state_machine_safety, group,
        fmt::format("replica {} commits another entry at or before {} (term {}, not {})", member.id,
                    known, member.at(known).term, group.slots[known.value()].committed.term));
  member.commit_index = index;
  if (index <= group.committed_index) return;
  for (LogIndex at = group.committed_index + 1; at <= index; ++at)
    group.slots[at.value()].committed = member.at(at);
  group.committed_index = index;
  mark_commit(group, member.term);
}

void SafetyChecker::mark_commit(Group& group, Term term) {
  auto mark = std::ranges::lower_bound(group.marks, term, {}, &CommitMark::term);
  if (mark == group.marks.end() || mark->term != term) mark = group.marks.insert(mark, {term, {}});
  // Later terms' marks stand for "this term or an earlier one", so they rise too.
  for (; mark != group.marks.end(); ++mark) mark->index = group.committed_index;
  for (const auto& [id, member] : group.members) {
    if (member.role == Role::leader && member.term > term)
      check_contains(group, member, group.committed_index);
  }
}

void SafetyChecker::apply(Group& group, Member& member, std::span<const Entry> entries) {
  for (const Entry& entry : entries) {
    if (violation_) return;
    if (entry.index != member.applied_index + 1 || entry.index > group.committed_index)
      return fail(SafetyProperty::state_machine_safety, group,
                  fmt::format("replica {} applies {} after {}, committed is {}", member.id,
                              entry.index, member.applied_index, group.committed_index));
    const Link& committed = group.slots[entry.index.value()].committed;
    if (link_after(member.at(entry.index - 1), entry) != committed)
      return fail(
          SafetyProperty::state_machine_safety, group,
          fmt::format("replica {} applies another entry at {}: term {}, committed is term {}",
                      member.id, entry.index, entry.term, committed.term));
    member.applied_index = entry.index;
  }
}

void SafetyChecker::compact(Member& member, LogIndex first_index) {
  if (violation_ || first_index <= member.base_index + 1) return;
  const LogIndex base = first_index - 1;
  VECTRON_ASSERT(base <= member.last_index());
  member.base = member.at(base);
  member.links.erase(member.links.begin(),
                     member.links.begin() + static_cast<ptrdiff_t>(base - member.base_index));
  member.base_index = base;
}

void SafetyChecker::fail(SafetyProperty property, const Group& group, std::string description) {
  if (!violation_) violation_ = SafetyViolation{property, group.id, std::move(description)};
}

}  // namespace vectron::raft
