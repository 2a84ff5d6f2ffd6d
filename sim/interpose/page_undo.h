// PageUndo: what the un-synced pages of a file held when it was last synced, and what a power loss
// makes of them.
//
// Used for both kinds of simulated files: our own (sim/world/file_image.h) and the real ones that
// LMDB writes on tmpfs (sim/interpose/tracked_folder.h). A page is 4 KiB, what the kernel writes
// back; a sector is 512 bytes, what a device writes atomically.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/base/bytes.h"
#include "core/base/random.h"

namespace vectron::sim {

inline constexpr size_t kPageBytes = 4096;
inline constexpr size_t kSectorBytes = 512;
inline constexpr size_t kSectorsOfPage = kPageBytes / kSectorBytes;
static_assert(kSectorsOfPage == 8, "a page's sectors are the bits of a byte");

/// The harm that a power loss may do (fault classes lost_unsynced and torn_write).
struct PowerLossRules {
  bool lose = true;
  bool tear = true;
};

/// The harm that a power loss did: outcomes that a reader can tell from no loss at all.
struct PowerLossCounts {
  /// Pages, names and file ends.
  uint64_t lost = 0;
  /// Pages that hold sectors of both versions.
  uint64_t torn = 0;
  PowerLossCounts& operator+=(const PowerLossCounts& other) {
    lost += other.lost;
    torn += other.torn;
    return *this;
  }
};

/// Which sectors of a page reached the medium: bit i is sector i; 0xff is a kept page, 0 a lost
/// one.
using SectorMask = uint8_t;

/// Draws the fates of pages in one power loss. Some losses take everything, some nothing but a torn
/// page, most a subset.
class PageFates {
 public:
  PageFates(RandomStream* random, PowerLossRules rules);
  SectorMask next();
  /// Whether one un-synced change that is not a page (a name, a file's end) is lost.
  bool loses_metadata();

 private:
  RandomStream& random_;
  PowerLossRules rules_;
  uint64_t lost_ppm_;
  uint64_t torn_ppm_;
};

/// Puts the sectors of `before` that `kept` lacks back into `page`, and counts what that changed.
/// Requires: both are one page or the same leading part of one.
void blend_page(std::span<uint8_t> page, ByteView before, SectorMask kept, PowerLossCounts* counts);

/// The pre-images of a set of pages.
class PageUndo {
 public:
  bool empty() const { return live_ == 0; }
  bool contains(uint64_t page) const { return page < slots_.size() && slots_[page] != 0; }

  /// Adds `page` and returns where its pre-image goes: kPageBytes of zeros, valid until the next
  /// add. Requires: !contains(page).
  std::span<uint8_t> add(uint64_t page);
  /// Forgets `page`: it is durable as it stands. Does nothing when it is absent.
  void remove(uint64_t page);
  /// Forgets all pages. O(pages), keeps the memory.
  void clear();

  /// All pages, ascending.
  std::vector<uint64_t> pages() const;
  /// Requires: contains(page).
  ByteView before(uint64_t page) const;

 private:
  static constexpr uint64_t kRemoved = UINT64_MAX;

  /// By page: its place in added_ plus one, or 0.
  std::vector<uint32_t> slots_;
  /// In order of addition; kRemoved where removed.
  std::vector<uint64_t> added_;
  /// One page for each of added_, and room for more.
  Bytes images_;
  size_t live_ = 0;
};

}  // namespace vectron::sim
