// DiskTrouble: what is wrong with one machine's disk at present, besides what a power loss does.
//
// Owned by a SimDisk; armed by whoever plays a plan; asked by every operation, those of the
// key-value library included (PowerSwitch::set_trouble). An answer that changes what the operation
// would have done counts as a fault of its class. Bit rot is done to the medium itself
// (SimDisk::rot).
#pragma once

#include <cstdint>

#include "core/base/time.h"
#include "sim/plan/fault_class.h"

namespace vectron::sim {

class SimWorld;

class DiskTrouble {
 public:
  explicit DiskTrouble(SimWorld* world) : world_(*world) {}

  // Troubles that begin. Each does nothing when its class is off.

  /// The next `count` reads, or writes, fail with EIO.
  void fail_reads(uint32_t count);
  void fail_writes(uint32_t count);
  /// The next `count` syncs fail. What they should have written looks clean afterwards and is lost
  /// at a power loss, unless it is written again.
  void fail_syncs(uint32_t count);
  /// There is no space for anything new until then, but for a few sectors: the first write that
  /// needs more ends early.
  void fill_up(Instant until);
  /// The same of a file system that gives out blocks late: what is written is taken, and each sync
  /// of a file that has grown fails as syncs fail (fail_syncs), with ENOSPC.
  void fill_up_late(Instant until);
  /// The machine's process gets mostly no new descriptor until then.
  void run_out_of_descriptors(Instant until);
  /// Everything takes `factor` times as long until then.
  void slow_down(Instant until, uint32_t factor);
  /// Nothing ends until then.
  void stall(Instant until);
  /// All is well again; what was lost stays lost.
  void heal();

  // Questions of an operation of the disk.

  bool read_fails();
  bool write_fails();
  bool sync_fails();
  /// Whether a write, or a new name, that needs space must fail.
  bool is_full();
  /// Whether a sync of a file that has grown must fail for want of space.
  bool sync_finds_no_space();
  /// Whether a call that asks for blocks at once must fail.
  bool has_no_block();
  /// How many of `bytes`, for which a full disk has no space, it takes all the same: some sectors
  /// of the first write, and nothing of the later ones.
  uint64_t take_last_space(uint64_t bytes);
  /// Whether something that needs a new descriptor must fail.
  bool has_no_descriptor();
  /// When an operation ends that would end at `planned`.
  Instant delayed(Instant planned);
  /// A read gave bytes that rot had changed.
  void rot_was_read();

  /// Whether it makes anything wait at present.
  bool slows() const;
  /// Whether something that needs space would fail at present.
  bool is_full_now() const;
  /// How many errors and wrong bytes it has given out so far: a process that ends by itself has a
  /// reason when there were some.
  uint64_t errors_given() const { return errors_given_; }
  /// Of them, EIO and syncs that failed.
  uint64_t io_errors_given() const { return io_errors_given_; }
  /// Of those, syncs that failed: nothing else that it gives takes away what a process had stored.
  uint64_t syncs_failed() const { return syncs_failed_; }

 private:
  bool take(uint32_t* left, FaultClass fault_class);

  SimWorld& world_;
  uint32_t failing_reads_ = 0;
  uint32_t failing_writes_ = 0;
  uint32_t failing_syncs_ = 0;
  Instant full_until_{};
  bool gives_blocks_late_ = false;
  uint64_t last_space_bytes_ = 0;
  Instant no_descriptor_until_{};
  uint64_t descriptor_tries_ = 0;
  Instant slow_until_{};
  uint32_t slow_factor_ = 1;
  Instant stalled_until_{};
  uint64_t errors_given_ = 0;
  uint64_t io_errors_given_ = 0;
  uint64_t syncs_failed_ = 0;
};

}  // namespace vectron::sim
