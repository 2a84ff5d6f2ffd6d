// How LMDB 0.9 lays out a page of its file, and readers that trust none of it.
//
// A page is 4 KiB. It begins with a header of 16 bytes (page number 8, pad 2, flags 2, lower 2,
// upper 2; of a long value's first page the last four bytes count its pages); an array of 2-byte
// node offsets follows, up to `lower`. A node of a leaf has a header of 8 bytes (low and high half
// of the value's size, flags, size of the key), its key and its value; a node of a branch has a
// page number in place of size and flags. Pages 0 and 1 are meta pages, of which the one with the
// later transaction holds. Private to core/kv and to the simulation's rot.
#pragma once

#include <cstring>

#include "core/base/bytes.h"
#include "core/base/result.h"

namespace vectron::lmdb_page {

inline constexpr uint64_t kPageBytes = 4096;
inline constexpr uint64_t kHeaderBytes = 16;
inline constexpr uint64_t kNodeHeaderBytes = 8;
inline constexpr uint64_t kKeyBytesMax = 511;
inline constexpr uint64_t kNoPage = UINT64_MAX;
inline constexpr uint64_t kMetaPages = 2;
inline constexpr uint64_t kMetaBytes = 152;  // Of a meta page, so much is in use.

/// Where in a page, or in a meta page, a field begins.
inline constexpr uint64_t kNumberAt = 0;
inline constexpr uint64_t kFlagsAt = 10;
inline constexpr uint64_t kLowerAt = 12;
inline constexpr uint64_t kUpperAt = 14;
inline constexpr uint64_t kPageCountAt = 12;
inline constexpr uint64_t kFreeTreeAt = 40;
inline constexpr uint64_t kMainTreeAt = 88;
inline constexpr uint64_t kRootInTree = 40;
inline constexpr uint64_t kTransactionAt = 144;

/// Flags of a page, which say of what kind it is.
inline constexpr uint16_t kBranch = 0x01;
inline constexpr uint16_t kLeaf = 0x02;
inline constexpr uint16_t kOverflow = 0x04;
inline constexpr uint16_t kMeta = 0x08;

/// The number that begins at `offset`. Requires: it lies within `bytes`.
template <typename T>
T load(ByteView bytes, uint64_t offset) {
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof(value));
  return value;
}

/// One of the two trees of a store, as a meta page has it.
struct Tree {
  uint16_t flags = 0;
  uint16_t depth = 0;
  uint64_t branch_pages = 0;
  uint64_t leaf_pages = 0;
  uint64_t overflow_pages = 0;
  uint64_t entries = 0;
  uint64_t root = kNoPage;
  bool operator==(const Tree&) const = default;
};

struct Meta {
  Tree free;  // The pages that are not in use, by the transaction that freed them.
  Tree main;
  uint64_t last_page = 0;
  uint64_t transaction = 0;
};

/// One entry of a leaf or branch page; its views are of the page's bytes.
struct Node {
  ByteView key;
  ByteView value;  // Of a leaf; of a long value the 8 bytes of its page number.
  uint64_t value_bytes = 0;
  uint64_t child = 0;  // Of a branch.
  bool long_value = false;
};

/// The error about page `number`: data_loss.
std::unexpected<Status> damaged(uint64_t number, std::string_view what);

/// Reads meta page `number`. Requires: a whole page. Errors: data_loss.
Result<Meta> read_meta(ByteView page, uint64_t number);
/// How many nodes the page has, which must be number `number` and of this kind. Errors: data_loss.
Result<size_t> node_count(ByteView page, uint64_t number, uint16_t kind);
/// The `index`-th node of a leaf or branch page. Requires: index < node_count(). Errors: data_loss.
Result<Node> read_leaf_node(ByteView page, uint64_t number, size_t index);
Result<Node> read_branch_node(ByteView page, uint64_t number, size_t index);

}  // namespace vectron::lmdb_page
