// The log of one member in memory: a snapshot, then all entries after it.
//
// Owned by Raft. What is durable is not its business (persistence.h), nor what is committed, except
// that Raft never lets a committed entry be replaced. Entries share their payloads with the WAL and
// the messages. All look-ups are O(1) or O(log n).
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "core/raft/types.h"

namespace vectron::raft {

class Log {
 public:
  /// Requires: entries contiguous from snapshot.index + 1, terms not falling.
  Log(SnapshotMeta snapshot, std::vector<Entry> entries);

  const SnapshotMeta& snapshot() const { return snapshot_; }
  LogIndex first_index() const { return snapshot_.index + 1; }
  /// The snapshot's index when there is no entry.
  LogIndex last_index() const { return snapshot_.index + slots_.size(); }
  Term last_term() const { return slots_.empty() ? snapshot_.term : slots_.back().entry.term; }

  /// Nothing when `index` is beyond the log or compacted away. The snapshot's own index still has
  /// its term.
  std::optional<Term> term_at(LogIndex index) const;
  bool matches(LogIndex index, Term term) const { return term_at(index) == term; }
  /// Requires: first_index() <= index <= last_index(). Valid until the log changes.
  const Entry& at(LogIndex index) const;

  /// True when a log that ends with (term, index) is at least as complete as this one
  /// (paper 5.4.1).
  bool is_behind_or_equal(Term term, LogIndex index) const;

  /// The last index at or before `index` whose term is not above `term`: where a log that has
  /// `term` at `index` may agree with this one at the latest. Never below the snapshot, unless
  /// `index` is. O(log n), terms never fall.
  LogIndex find_conflict_by_term(LogIndex index, Term term) const;

  /// Entries from `from` through `through`, at least one, otherwise at most `bytes_max`. Payloads
  /// are shared, not copied. Requires: first_index() <= from <= through <= last_index().
  struct Range {
    LogIndex from;
    LogIndex through;
    size_t bytes_max = SIZE_MAX;
  };
  std::vector<Entry> slice(Range range) const;

  /// Entry bytes in memory.
  size_t bytes() const { return bytes_between(snapshot_.index, last_index()); }
  /// Entry bytes after `after` up to `through`; compacted ones count nothing. O(1).
  size_t bytes_between(LogIndex after, LogIndex through) const;

  /// Appends entries that begin right after last_index().
  void append(Entry entry);

  /// Merges entries sent by a leader: those that are here already are kept, the first that differs
  /// and all after it are replaced. Returns the first index that is new, or zero when all were
  /// here: a late message must not cut newer entries off. Requires: contiguous entries that begin
  /// in [first_index(), last_index() + 1].
  LogIndex merge(std::vector<Entry> entries);

  /// Drops all entries from `from` on. Requires: from >= first_index().
  void truncate(LogIndex from);

  /// Drops entries up to and including `index`, which becomes the snapshot's index. Amortised O(1)
  /// an entry. Requires: first_index() <= index <= last_index().
  void compact(LogIndex index);

  /// Drops everything: the log begins after `snapshot`.
  void restore(SnapshotMeta snapshot);

 private:
  struct Slot {
    Entry entry;
    /// Cost of all entries ever appended up to this one: differences give the bytes of a range.
    uint64_t bytes_end;
  };
  const Slot& slot(LogIndex index) const;
  uint64_t bytes_end_at(LogIndex index) const;

  SnapshotMeta snapshot_;
  std::deque<Slot> slots_;
  /// bytes_end of the last compacted entry.
  uint64_t bytes_base_ = 0;
};

}  // namespace vectron::raft
