// FileImage: the page-cache image of a simulated file, and what it takes to get back to a durable
// one.
#pragma once

#include <deque>
#include <vector>

#include "sim/interpose/page_undo.h"

namespace vectron::sim {

/// The content is what a reader sees. Every change since the last sync has the pre-images of its
/// pages; a sync closes a generation of changes when it begins and makes it durable when it ends,
/// so that a crash in between may lose it, while changes made during the sync belong to the next
/// generation.
class FileImage {
 public:
  uint64_t size() const { return content_.size(); }
  ByteView content() const { return content_; }
  /// Returns how many bytes were there.
  size_t read(uint64_t offset, std::span<uint8_t> into) const;
  void write(uint64_t offset, ByteView bytes);
  void truncate(uint64_t size);

  /// Closes the open generation; returns its number for end_sync().
  uint64_t begin_sync();
  /// Makes all generations up to `number` durable, but for those whose sync failed before.
  void end_sync(uint64_t number);
  /// The sync failed: the pages of all generations up to `number` look clean from now on. They are
  /// lost at the next power loss, each unless it is written and synced again.
  void fail_sync(uint64_t number);
  /// Flips one bit of the medium. Requires: offset < size().
  void rot(uint64_t offset, unsigned bit);
  /// Whether rot shows in [offset, offset + size).
  bool is_rotten(uint64_t offset, uint64_t size) const;
  /// Bytes that were durable before the last sync that wrote something: damage there is followed by
  /// something younger.
  uint64_t settled_bytes() const { return settled_bytes_; }
  /// Bytes of the pages that are not durable.
  uint64_t unsynced_bytes() const;
  bool synced() const { return generations_.empty(); }
  /// Whether it is larger than what is durable of it.
  bool has_grown() const { return !synced() && size() > generations_.front().size_before; }

  /// Makes the content what a power loss leaves of it.
  PowerLossCounts lose_power(PageFates* fates);

 private:
  /// Changes between two syncs.
  struct Generation {
    uint64_t number = 0;
    uint64_t size_before = 0;
    uint64_t pages = 0;
    /// The lowest offset that was written.
    uint64_t first_changed = UINT64_MAX;
    /// Its sync failed.
    bool doomed = false;
    PageUndo undo;
  };

  Generation& open_generation();
  void save_page(Generation* generation, uint64_t page);
  void outlive_doomed(const Generation& synced);
  PowerLossCounts lose(const Generation& generation, PageFates* fates);

  Bytes content_;
  /// Oldest first.
  std::deque<Generation> generations_;
  uint64_t next_generation_ = 1;
  bool newest_is_open_ = false;
  bool has_doomed_ = false;
  uint64_t settled_bytes_ = 0;
  /// Offsets, in the order in which they rotted.
  std::vector<uint64_t> rotten_;
  /// Memory for the next generation.
  PageUndo spare_;
};

}  // namespace vectron::sim
