// Where in an LMDB file the pairs of our key-value store lie, and what holds its pages together.
// Pure; for the bit rot of a simulated disk.
//
// How LMDB lays out its pages is in core/kv/lmdb_page.h.
#pragma once

#include <vector>

#include "core/base/bytes.h"

namespace vectron::sim {

/// A stored pair: its key (with the byte that names its space), and right behind it the value with
/// the hash of the pair.
struct PairPlace {
  uint64_t key_offset = 0;
  uint64_t key_bytes = 0;
  uint64_t value_offset = 0;
  uint64_t value_bytes = 0;
  /// The header, or a digest row.
  bool system = false;
  bool operator==(const PairPlace&) const = default;
};

/// All intact pairs that the newest state of `file` holds in leaf pages (long values lie
/// elsewhere).
std::vector<PairPlace> stored_pairs(ByteView file);

/// A byte of what leads to the pairs: of a meta page, of the head of a leaf page, of a branch page
/// or of a list of free pages. `choice` says which. Requires: a file of two pages or more.
uint64_t structural_byte(ByteView file, uint64_t choice);

}  // namespace vectron::sim
