#include "core/wal/wal_index.h"

#include <fmt/format.h>

#include "core/base/assert.h"

namespace vectron {

namespace {

constexpr uint64_t kStateBytes = 96;        // About what a hard state, a mark or a tombstone takes.
constexpr uint64_t kEntryHeaderBytes = 13;  // Term, kind, length.

uint64_t stored_bytes(const raft::Entry& entry) {
  return kEntryHeaderBytes + raft::view(entry.data).size();
}

}  // namespace

// -------------------------------------------------------------------------------------- apply

void WalIndex::apply(const WalBatch& batch, uint64_t segment, bool relocation) {
  VECTRON_ASSERT(batch.group && segment > 0);
  if (batch.dropped_replica) {
    if (!relocation) drop_group(batch.group);
    uint64_t& place = dropped_[{batch.group, *batch.dropped_replica}];
    move_state(batch.group, &place, segment);
    return;
  }
  Group& group = groups_[batch.group];
  if (batch.mark) apply_mark(batch.group, group, *batch.mark, segment);
  if (batch.hard_state) {
    group.hard_state = *batch.hard_state;
    move_state(batch.group, &group.hard_state_segment, segment);
  }
  if (batch.entries.empty()) return;
  if (!relocation) {
    erase_entries(batch.group, group, group.entries.lower_bound(batch.entries.front().index),
                  group.entries.end());
  }
  for (const raft::Entry& entry : batch.entries) put_entry(batch.group, group, entry, segment);
}

void WalIndex::apply_mark(GroupId id, Group& group, const WalMark& mark, uint64_t segment) {
  const std::optional<WalMark> old = group.mark;
  group.mark = mark;
  group.mark->replaces_log = false;
  if (old && !mark.replaces_log && old->meta.index > mark.meta.index) {
    // A base never moves back, except with the whole log. This record does not tell the base, so
    // the mark still counts as lying where the one that does lies.
    group.mark->meta.index = old->meta.index;
    group.mark->meta.term = old->meta.term;
  } else {
    move_state(id, &group.mark_segment, segment);
  }
  erase_entries(
      id, group, group.entries.begin(),
      mark.replaces_log ? group.entries.end() : group.entries.upper_bound(group.mark->meta.index));
}

bool WalIndex::can_follow(const WalBatch& batch) const {
  if (batch.entries.empty()) return true;
  const LogIndex first = batch.entries.front().index;
  LogIndex last;
  if (const auto found = groups_.find(batch.group); found != groups_.end()) {
    const Group& group = found->second;
    if (group.mark) last = group.mark->meta.index;
    const bool replaced = batch.mark && batch.mark->replaces_log;
    if (!group.entries.empty() && !replaced) {
      last = std::max(last, group.entries.rbegin()->first);
    }
  }
  if (batch.mark) last = std::max(last, batch.mark->meta.index);
  return first <= last + 1;
}

void WalIndex::release(GroupId id, LogIndex up_to) {
  const auto found = groups_.find(id);
  if (found == groups_.end()) return;
  Group& group = found->second;
  const auto end = group.entries.upper_bound(up_to);
  if (end == group.entries.begin()) return;
  uint64_t oldest = UINT64_MAX;
  for (auto at = group.entries.begin(); at != end; ++at) {
    oldest = std::min(oldest, at->second.segment);
  }
  const raft::Entry& last = std::prev(end)->second.entry;
  if (!group.mark) group.mark.emplace();
  group.mark->meta.index = last.index;
  group.mark->meta.term = last.term;
  if (group.mark_segment != 0) oldest = std::min(oldest, group.mark_segment);
  move_state(id, &group.mark_segment, oldest);
  erase_entries(id, group, group.entries.begin(), end);
}

void WalIndex::forget_dropped(GroupId group, ReplicaId replica) {
  const auto found = dropped_.find({group, replica});
  if (found == dropped_.end()) return;
  remove_live(found->second, group, kStateBytes, false);
  dropped_.erase(found);
}

void WalIndex::drop_group(GroupId id) {
  const auto found = groups_.find(id);
  if (found == groups_.end()) return;
  Group& group = found->second;
  erase_entries(id, group, group.entries.begin(), group.entries.end());
  if (group.hard_state_segment != 0) remove_live(group.hard_state_segment, id, kStateBytes, false);
  if (group.mark_segment != 0) remove_live(group.mark_segment, id, kStateBytes, false);
  groups_.erase(found);
}

void WalIndex::put_entry(GroupId id, Group& group, const raft::Entry& entry, uint64_t segment) {
  if (group.mark && entry.index <= group.mark->meta.index) return;
  const auto [place, is_new] = group.entries.try_emplace(entry.index);
  if (!is_new) {
    remove_live(place->second.segment, id, stored_bytes(place->second.entry), true);
  }
  place->second = {entry, segment};
  add_live(segment, id, stored_bytes(entry), true);
}

void WalIndex::erase_entries(GroupId id, Group& group, Entries::iterator from,
                             Entries::iterator until) {
  for (auto at = from; at != until; ++at) {
    remove_live(at->second.segment, id, stored_bytes(at->second.entry), true);
  }
  group.entries.erase(from, until);
}

void WalIndex::move_state(GroupId id, uint64_t* place, uint64_t segment) {
  if (*place != 0) remove_live(*place, id, kStateBytes, false);
  *place = segment;
  add_live(segment, id, kStateBytes, false);
}

void WalIndex::add_live(uint64_t segment, GroupId id, uint64_t bytes, bool is_entry) {
  Live& live = live_[segment][id];
  ++live.items;
  live.entries += is_entry ? 1 : 0;
  live.bytes += bytes;
}

void WalIndex::remove_live(uint64_t segment, GroupId id, uint64_t bytes, bool is_entry) {
  const auto of_segment = live_.find(segment);
  VECTRON_ASSERT(of_segment != live_.end());
  const auto found = of_segment->second.find(id);
  VECTRON_ASSERT(found != of_segment->second.end());
  Live& live = found->second;
  VECTRON_ASSERT(live.items > 0 && live.bytes >= bytes);
  --live.items;
  live.entries -= is_entry ? 1 : 0;
  live.bytes -= bytes;
  if (live.items > 0) return;
  of_segment->second.erase(found);
  if (of_segment->second.empty()) live_.erase(of_segment);
}

// ------------------------------------------------------------------------------------ queries

Result<void> WalIndex::check_contiguous() const {
  for (const auto& [id, group] : groups_) {
    LogIndex next = (group.mark ? group.mark->meta.index : LogIndex()) + 1;
    for (const auto& [index, live] : group.entries) {
      if (index != next) {
        return fail(Code::data_loss,
                    fmt::format("the write-ahead log lacks entry {} of group {}", next, id));
      }
      ++next;
    }
  }
  return {};
}

std::map<GroupId, WalGroupState> WalIndex::groups() const {
  std::map<GroupId, WalGroupState> result;
  for (const auto& [id, group] : groups_) {
    WalGroupState& state = result[id];
    state.hard_state = group.hard_state;
    state.mark = group.mark;
    state.entries.reserve(group.entries.size());
    for (const auto& [index, live] : group.entries) state.entries.push_back(live.entry);
  }
  return result;
}

std::vector<WalDropped> WalIndex::dropped() const {
  std::vector<WalDropped> result;
  result.reserve(dropped_.size());
  for (const auto& [dropped, segment] : dropped_) result.push_back(dropped);
  return result;
}

uint64_t WalIndex::live_bytes(uint64_t segment) const {
  const auto found = live_.find(segment);
  uint64_t bytes = 0;
  if (found == live_.end()) return 0;
  for (const auto& [id, live] : found->second) bytes += live.bytes;
  return bytes;
}

std::vector<WalBatch> WalIndex::relocation(uint64_t segment, size_t bytes_max) const {
  std::vector<WalBatch> result;
  const auto found = live_.find(segment);
  if (found == live_.end()) return result;
  size_t bytes = 0;
  for (const auto& [dropped, place] : dropped_) {
    if (place != segment) continue;
    WalBatch tombstone;
    tombstone.group = dropped.group;
    tombstone.dropped_replica = dropped.replica;
    result.push_back(std::move(tombstone));
    bytes += kStateBytes;
  }
  for (const auto& [id, live] : found->second) {
    if (bytes > 0 && bytes >= bytes_max) break;
    const auto at = groups_.find(id);
    if (at == groups_.end()) continue;  // Only a tombstone of it is alive.
    const Group& group = at->second;
    WalBatch batch;
    batch.group = id;
    if (group.mark_segment == segment) batch.mark = group.mark;
    if (group.hard_state_segment == segment) batch.hard_state = group.hard_state;
    if (batch.mark || batch.hard_state) bytes += kStateBytes;
    for (const auto& [index, entry] : group.entries) {
      // At least one thing is taken, so a reclaim always gets on.
      if (live.entries == 0 || (bytes > 0 && bytes >= bytes_max)) break;
      if (entry.segment != segment) continue;
      if (!batch.entries.empty() && batch.entries.back().index + 1 != index) {
        result.push_back(std::exchange(batch, WalBatch{id, std::nullopt, {}, std::nullopt, {}}));
      }
      batch.entries.push_back(entry.entry);
      bytes += entry.entry.cost_bytes();
    }
    if (batch.mark || batch.hard_state || !batch.entries.empty()) {
      result.push_back(std::move(batch));
    }
  }
  return result;
}

std::vector<WalPinning> WalIndex::pinning(uint64_t segment) const {
  std::vector<WalPinning> result;
  const auto found = live_.find(segment);
  if (found == live_.end()) return result;
  for (const auto& [id, live] : found->second) {
    if (live.entries == 0) continue;
    result.push_back({id, groups_.at(id).entries.begin()->first, live.bytes});
  }
  return result;
}

}  // namespace vectron
