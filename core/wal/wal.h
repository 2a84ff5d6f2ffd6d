// Wal: the write-ahead log of a node, shared by all of its Raft groups.
//
// One writer task takes everything that is waiting, writes it at once and syncs once (group
// commit), so a hundred groups cost the disk as much as one. Records are checksummed and bound to
// their place; a torn tail is cut at recovery, damage before it is reported and never skipped. The
// format is drawn in docs/internals/wal.md. Owned by the node, lives on its event loop.
//
// The log keeps in memory what it would need to write again: entries until they are released
// (their payloads are shared with raft). Reclaim rewrites the little that is still alive in the
// oldest segment into the newest and removes the file, so an idle group pins nothing.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/async/sync.h"
#include "core/async/task_group.h"
#include "core/env/env.h"
#include "core/wal/wal_index.h"
#include "core/wal/wal_types.h"

namespace vectron {

/// The place of a batch in the order of appends, from 1 on. Not stored.
using WalTicket = StrongIndex<struct WalTicketTag>;

struct WalOpened;

/// The largest record that goes into what is kept of the disk for the time that it is full.
inline constexpr size_t kReservedRecordBytesMax = 4096;

/// See the top of this file.
class Wal {
 public:
  /// Recovers the log in `folder` (created when absent). All that is recovered is durable when this
  /// returns. Errors: data_loss: bytes that were synced once are damaged or gone (nothing is
  /// changed then: the node must not serve its groups); failed_precondition: the log of another
  /// node or of a newer format; invalid_argument: configuration.
  static Task<Result<WalOpened>> open(Env* env, std::string folder, WalConfig config);

  Wal(const Wal&) = delete;
  Wal& operator=(const Wal&) = delete;

  /// Queues `batch`; it is durable once sync_to() of the returned ticket succeeds. Batches become
  /// durable in the order of these calls. Requires: batch.group is set; entries are contiguous.
  /// Errors: resource_exhausted (queue_bytes_max: not queued, wait_for_room() first), data_loss
  /// (the log has failed).
  Result<WalTicket> append(WalBatch batch);
  /// True while the disk is full, also while there is nothing kept for the next time that it is
  /// (WalConfig::reserve_bytes): append nothing but what a group needs to elect a leader. Records
  /// above kReservedRecordBytesMax wait for space.
  bool is_full() const { return full_; }
  bool has_room() const { return queued_bytes_ < config_.queue_bytes_max; }
  /// Waits until append() has room. Errors: data_loss (the log has failed).
  Task<Result<void>> wait_for_room();

  /// Waits until everything up to `ticket` is durable. Any number may wait; one sync serves all.
  /// Errors: data_loss: a write or a sync failed. The log refuses all further work then, what was
  /// not acknowledged may or may not be on the disk, and the node must stop.
  Task<Result<void>> sync_to(WalTicket ticket);
  /// wait_for_room, append, sync_to.
  Task<Result<void>> append_and_sync(WalBatch batch);
  WalTicket durable_ticket() const { return durable_; }
  /// Set once the log has failed.
  const Status& failure() const { return failure_; }

  /// Says that the entries of `group` up to `up_to` will not be needed again: they are committed to
  /// the replica's store, or covered by a snapshot, and raft has compacted (or may compact) to
  /// there. The recovered log then starts there or before. Ignored for what is not durable yet.
  void release(GroupId group, LogIndex up_to);
  /// Says that the folder of a dropped replica is removed, so its tombstone may go.
  void forget_dropped(GroupId group, ReplicaId replica);

  /// Bytes of all segments.
  uint64_t size_bytes() const;
  size_t segment_count() const { return segments_.size(); }
  /// The number of the oldest segment.
  uint64_t oldest_segment() const;
  bool over_retention() const { return size_bytes() > config_.retention_bytes_max; }
  /// The groups that have entries in the oldest segment, by id. They should compact when
  /// over_retention().
  std::vector<WalPinning> groups_pinning() const;
  uint64_t syncs() const { return syncs_; }

 private:
  struct Queued {
    WalBatch batch;
    WalTicket ticket;
    size_t bytes = 0;
  };
  /// A record that no sync has covered yet: it may have to be written again elsewhere.
  struct InFlight {
    WalBatch batch;
    /// None: a relocation.
    WalTicket ticket;
  };
  struct Segment {
    uint64_t number = 0;
    /// Header and records that are synced.
    uint64_t bytes = 0;
  };
  Wal(Env* env, std::string folder, WalConfig config);

  /// Reads one segment into the index; returns the bytes of its torn tail, which it cuts.
  Task<Result<uint64_t>> recover_segment(uint64_t number, bool is_newest);
  Task<Result<uint64_t>> settle_segment(File* file, Bytes* content, uint64_t kept, bool is_newest);
  Task<Result<uint64_t>> settle_once(File* file, Bytes* content, uint64_t kept, bool is_newest);
  Task<Result<void>> sync_names();
  Task<Result<void>> wait_for_space(Status cause);
  Task<void> write_loop();
  Task<Result<void>> write_once();
  Task<Result<void>> start_segment();
  Task<Result<void>> write_in_flight();
  Task<Result<void>> write_buffer();
  uint64_t prefill();
  void take_queued();
  void add_record(WalBatch batch, WalTicket ticket);
  void encode(const InFlight& record, uint64_t sequence);
  size_t encode_what_fits();
  void ended(size_t count);
  // wal_reserve.cpp: a full disk.
  Task<Result<void>> look_for_reserve();
  Task<Result<void>> make_reserve();
  Task<void> keep_reserve();
  Task<Result<void>> take_reserve();
  Task<Result<void>> leave_segment();
  Task<Result<void>> cut_segment(Segment last);
  Task<Result<void>> remove_segment(uint64_t number);
  Task<Result<void>> go_on_after(Status cause, bool synced);
  Task<Result<std::unique_ptr<File>>> open_segment(uint64_t number, OpenMode mode);
  bool lives_on_reserve() const;
  bool may_take_reserve() const;
  void tell_full(const Status& cause);
  void tell_space();
  std::string reserve_path() const;
  bool wants_reclaim() const;
  void relocate_oldest();
  Task<void> remove_oldest();
  void fail_log(const Status& cause);
  std::string path_of(uint64_t segment) const;

  Env* env_;
  std::string folder_;
  WalConfig config_;

  WalIndex index_;
  std::deque<Segment> segments_;  // The last one is written to, when file_ is open.
  uint64_t next_segment_ = 1;
  std::unique_ptr<File> file_;
  uint64_t filled_bytes_ = 0;      // How far that file reaches: records, then zeros.
  uint64_t next_sequence_ = 1;     // Of the next record.
  uint64_t durable_sequence_ = 0;  // All records up to here are synced.

  std::deque<Queued> queue_;
  size_t queued_bytes_ = 0;
  WalTicket next_ticket_{1};
  WalTicket durable_;
  std::deque<InFlight> in_flight_;  // The records from durable_sequence_ + 1 on.
  Bytes buffer_;                    // The write in flight.
  bool encoded_ = false;            // buffer_ holds all of in_flight_.
  bool named_ = false;              // The name of the open segment is durable.
  bool removing_ = false;
  bool full_ = false;      // Something waits for space or descriptors.
  bool no_space_ = false;  // It is space.
  bool reserved_ = false;  // The reserve lies there, durably.
  uint64_t syncs_ = 0;
  Status failure_;

  Condition work_;
  Condition durable_changed_;
  Condition room_;
  Condition reserve_taken_;
  TaskGroup tasks_;
};

/// A log that Wal::open has opened, and what it found.
struct WalOpened {
  std::unique_ptr<Wal> wal;
  std::map<GroupId, WalGroupState> groups;
  std::vector<WalDropped> dropped;
  /// Bytes of a torn tail that were cut: writes that no sync had ended. Zeros at its end were
  /// written in advance and do not count.
  uint64_t torn_bytes = 0;
};

}  // namespace vectron
