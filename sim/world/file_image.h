// FileImage: the page-cache image of a simulated file, and what it takes to get back to a durable
// one.
#pragma once

#include <deque>

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
  /// Makes all generations up to `number` durable.
  void end_sync(uint64_t number);
  /// Bytes of the pages that are not durable.
  uint64_t unsynced_bytes() const;
  bool synced() const { return generations_.empty(); }

  /// Makes the content what a power loss leaves of it.
  PowerLossCounts lose_power(PageFates* fates);

 private:
  /// Changes between two syncs.
  struct Generation {
    uint64_t number = 0;
    uint64_t size_before = 0;
    uint64_t pages = 0;
    PageUndo undo;
  };

  Generation& open_generation();
  void save_page(Generation* generation, uint64_t page);
  PowerLossCounts lose(const Generation& generation, PageFates* fates);

  Bytes content_;
  std::deque<Generation> generations_;  ///< Oldest first.
  uint64_t next_generation_ = 1;
  bool newest_is_open_ = false;
  PageUndo spare_;  ///< Memory for the next generation.
};

}  // namespace vectron::sim
