#include "core/raft/log.h"

#include <algorithm>

#include "core/base/assert.h"

namespace vectron::raft {

Log::Log(SnapshotMeta snapshot, std::vector<Entry> entries) : snapshot_(std::move(snapshot)) {
  for (Entry& entry : entries) append(std::move(entry));
}

const Log::Slot& Log::slot(LogIndex index) const {
  VECTRON_ASSERT(index >= first_index() && index <= last_index(), "index {} outside [{}, {}]",
                 index, first_index(), last_index());
  return slots_[index - first_index()];
}

uint64_t Log::bytes_end_at(LogIndex index) const {
  return index <= snapshot_.index ? bytes_base_ : slot(std::min(index, last_index())).bytes_end;
}

std::optional<Term> Log::term_at(LogIndex index) const {
  if (index == snapshot_.index) return snapshot_.term;
  if (index < snapshot_.index || index > last_index()) return std::nullopt;
  return slot(index).entry.term;
}

const Entry& Log::at(LogIndex index) const {
  return slot(index).entry;
}

bool Log::is_behind_or_equal(Term term, LogIndex index) const {
  return term > last_term() || (term == last_term() && index >= last_index());
}

LogIndex Log::find_conflict_by_term(LogIndex index, Term term) const {
  index = std::min(index, last_index());
  if (index <= snapshot_.index) return index;
  // The first entry whose term is above `term`: all before it qualify.
  const auto begin = slots_.begin();
  const auto end = begin + static_cast<ptrdiff_t>(index - snapshot_.index);
  const auto above = std::upper_bound(
      begin, end, term, [](Term wanted, const Slot& slot) { return wanted < slot.entry.term; });
  const LogIndex found = snapshot_.index + static_cast<uint64_t>(above - begin);
  VECTRON_ASSERT(found >= snapshot_.index && found <= index);
  return found;
}

std::vector<Entry> Log::slice(Range range) const {
  VECTRON_ASSERT(
      range.from >= first_index() && range.from <= range.through && range.through <= last_index(),
      "[{}, {}] of [{}, {}]", range.from, range.through, first_index(), last_index());
  const auto begin = slots_.begin() + static_cast<ptrdiff_t>(range.from - first_index());
  auto end = begin + static_cast<ptrdiff_t>(range.through - range.from) + 1;
  const uint64_t start = bytes_end_at(range.from - 1);
  if (std::prev(end)->bytes_end - start > range.bytes_max) {
    end = std::partition_point(begin, end, [start, max = range.bytes_max](const Slot& slot) {
      return slot.bytes_end - start <= max;
    });
    if (end == begin) ++end;
  }
  std::vector<Entry> entries;
  entries.reserve(static_cast<size_t>(end - begin));
  for (auto it = begin; it != end; ++it) entries.push_back(it->entry);
  return entries;
}

size_t Log::bytes_between(LogIndex after, LogIndex through) const {
  if (after >= through) return 0;
  const uint64_t low = bytes_end_at(after);
  const uint64_t high = bytes_end_at(through);
  VECTRON_ASSERT(low <= high);
  return high - low;
}

void Log::append(Entry entry) {
  VECTRON_ASSERT(entry.index == last_index() + 1, "{} after {}", entry.index, last_index());
  VECTRON_ASSERT(entry.term >= last_term(), "term {} after {}", entry.term, last_term());
  const uint64_t bytes_end = bytes_end_at(last_index()) + entry.cost_bytes();
  slots_.push_back({std::move(entry), bytes_end});
}

LogIndex Log::merge(std::vector<Entry> entries) {
  if (entries.empty()) return LogIndex();
  VECTRON_ASSERT(
      entries.front().index >= first_index() && entries.front().index <= last_index() + 1,
      "{} into [{}, {}]", entries.front().index, first_index(), last_index());
  const auto differs = std::ranges::find_if(
      entries, [this](const Entry& entry) { return !matches(entry.index, entry.term); });
  if (differs == entries.end()) return LogIndex();
  const LogIndex first_new = differs->index;
  truncate(first_new);
  for (auto it = differs; it != entries.end(); ++it) append(std::move(*it));
  return first_new;
}

void Log::truncate(LogIndex from) {
  VECTRON_ASSERT(from >= first_index(), "{} is not after the snapshot at {}", from,
                 snapshot_.index);
  while (last_index() >= from) slots_.pop_back();
  VECTRON_ASSERT(last_index() < from);
}

void Log::compact(LogIndex index) {
  const Slot& last = slot(index);
  snapshot_.term = last.entry.term;
  bytes_base_ = last.bytes_end;
  for (LogIndex at = first_index(); at <= index; ++at) slots_.pop_front();
  snapshot_.index = index;
  VECTRON_ASSERT(slots_.empty() || slots_.front().entry.index == first_index());
}

void Log::restore(SnapshotMeta snapshot) {
  VECTRON_ASSERT(snapshot.index > snapshot_.index, "{} over {}", snapshot.index, snapshot_.index);
  slots_.clear();
  bytes_base_ = 0;
  snapshot_ = std::move(snapshot);
  VECTRON_ASSERT(last_index() == snapshot_.index);
}

}  // namespace vectron::raft
