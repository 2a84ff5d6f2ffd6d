#include "sim/world/disk_trouble.h"

#include <algorithm>

#include "core/base/hash.h"
#include "sim/interpose/page_undo.h"
#include "sim/world/world.h"

namespace vectron::sim {

namespace {
/// Sectors that a disk still takes, at most, of the write that fills it.
constexpr uint64_t kLastSectorsMax = 24;
}  // namespace

void DiskTrouble::fail_reads(uint32_t count) {
  if (world_.fault_enabled(FaultClass::io_error)) failing_reads_ += count;
}

void DiskTrouble::fail_writes(uint32_t count) {
  if (world_.fault_enabled(FaultClass::io_error)) failing_writes_ += count;
}

void DiskTrouble::fail_syncs(uint32_t count) {
  if (world_.fault_enabled(FaultClass::sync_failure)) failing_syncs_ += count;
}

void DiskTrouble::fill_up(Instant until) {
  if (!world_.fault_enabled(FaultClass::disk_full)) return;
  full_until_ = std::max(full_until_, until);
  gives_blocks_late_ = false;
  const uint64_t drawn = mix64(static_cast<uint64_t>(until.time_since_epoch().count()));
  last_space_bytes_ = kSectorBytes * (1 + drawn % kLastSectorsMax);
}

void DiskTrouble::fill_up_late(Instant until) {
  if (!world_.fault_enabled(FaultClass::disk_full) || is_full_now()) return;
  full_until_ = until;
  gives_blocks_late_ = true;
}

void DiskTrouble::run_out_of_descriptors(Instant until) {
  if (!world_.fault_enabled(FaultClass::descriptors)) return;
  no_descriptor_until_ = std::max(no_descriptor_until_, until);
}

void DiskTrouble::slow_down(Instant until, uint32_t factor) {
  if (!world_.fault_enabled(FaultClass::slow_disk)) return;
  slow_until_ = until;
  slow_factor_ = factor;
}

void DiskTrouble::stall(Instant until) {
  if (world_.fault_enabled(FaultClass::slow_disk)) {
    stalled_until_ = std::max(stalled_until_, until);
  }
}

void DiskTrouble::heal() {
  failing_reads_ = failing_writes_ = failing_syncs_ = 0;
  full_until_ = slow_until_ = stalled_until_ = no_descriptor_until_ = {};
}

bool DiskTrouble::take(uint32_t* left, FaultClass fault_class) {
  if (*left == 0) return false;
  --*left;
  ++errors_given_;
  ++io_errors_given_;
  world_.fault_fired(fault_class);
  return true;
}

bool DiskTrouble::read_fails() {
  return take(&failing_reads_, FaultClass::io_error);
}

bool DiskTrouble::write_fails() {
  return take(&failing_writes_, FaultClass::io_error);
}

bool DiskTrouble::sync_fails() {
  if (!take(&failing_syncs_, FaultClass::sync_failure)) return false;
  ++syncs_failed_;
  return true;
}

bool DiskTrouble::is_full() {
  return !gives_blocks_late_ && has_no_block();
}

bool DiskTrouble::sync_finds_no_space() {
  return gives_blocks_late_ && has_no_block();
}

bool DiskTrouble::has_no_block() {
  if (!is_full_now()) return false;
  ++errors_given_;
  world_.fault_fired(FaultClass::disk_full);
  return true;
}

uint64_t DiskTrouble::take_last_space(uint64_t bytes) {
  // Never all: what fits would not have failed.
  const uint64_t most = bytes == 0 ? 0 : (bytes - 1) / kSectorBytes * kSectorBytes;
  return std::min(most, std::exchange(last_space_bytes_, 0));
}

bool DiskTrouble::has_no_descriptor() {
  if (no_descriptor_until_ <= world_.now()) return false;
  // They come and go with whatever else the process does: one in four tries finds one.
  const auto window = static_cast<uint64_t>(no_descriptor_until_.time_since_epoch().count());
  if (mix64(window + ++descriptor_tries_) % 4 == 0) return false;
  ++errors_given_;
  world_.fault_fired(FaultClass::descriptors);
  return true;
}

Instant DiskTrouble::delayed(Instant planned) {
  const Instant now = world_.now();
  Instant end = planned;
  if (slow_until_ > now) end = now + (planned - now) * slow_factor_;
  end = std::max(end, stalled_until_);
  if (end != planned) world_.fault_fired(FaultClass::slow_disk);
  return end;
}

bool DiskTrouble::is_full_now() const {
  return full_until_ > world_.now();
}

bool DiskTrouble::slows() const {
  return world_.now() < std::max({full_until_, slow_until_, stalled_until_, no_descriptor_until_});
}

void DiskTrouble::rot_was_read() {
  ++errors_given_;
  world_.fault_fired(FaultClass::bit_rot);
}

}  // namespace vectron::sim
