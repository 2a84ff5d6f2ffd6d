// Where in an LMDB file the values of our key-value store lie. Pure; for the bit rot of a simulated
// disk.
//
// LMDB 0.9's file format: pages of 4 KiB, each with a header of 16 bytes (page number 8, pad 2,
// flags 2, lower 2, upper 2), then an array of 2-byte node offsets up to `lower`. A node of a leaf
// has a header of 8 bytes (low and high half of the value's size, flags, size of the key), its key
// and its value.
#pragma once

#include <vector>

#include "core/base/bytes.h"

namespace vectron::sim {

/// A stored value: the bytes and, behind them, the hash of the pair.
struct ValuePlace {
  uint64_t offset = 0;
  uint64_t bytes = 0;
  bool operator==(const ValuePlace&) const = default;
};

/// All intact content pairs that lie in leaf pages of `file`, in order of their place. Pages that
/// are free by now but were leaves once count too: nobody may ever read those.
std::vector<ValuePlace> stored_values(ByteView file);

}  // namespace vectron::sim
