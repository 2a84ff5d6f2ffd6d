#include "core/kv/kv_structure.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <vector>

namespace vectron::kv_structure {
namespace {

constexpr uint64_t kPageBytes = 4096;
constexpr uint64_t kPageHeaderBytes = 16;
constexpr uint64_t kNodeHeaderBytes = 8;
constexpr uint64_t kKeyBytesMax = 511;
constexpr uint64_t kNoPage = UINT64_MAX;
constexpr uint64_t kFirstPage = 2;  // Behind the two meta pages.
constexpr uint32_t kMagic = 0xBEEFC0DE;
constexpr uint32_t kDataVersion = 1;
constexpr uint16_t kBranch = 0x01;
constexpr uint16_t kLeaf = 0x02;
constexpr uint16_t kOverflow = 0x04;
constexpr uint16_t kMeta = 0x08;
constexpr uint16_t kIntegerKey = 0x08;  // Of the tree of free pages.
constexpr uint16_t kLongValue = 0x01;   // Of a node: its value lies in pages of its own.
constexpr uint16_t kDepthMax = 32;      // As LMDB's CURSOR_STACK.

template <typename T>
T load(ByteView bytes, uint64_t offset) {
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof(value));
  return value;
}

/// What a meta page says of one of its two trees.
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
  Tree free;
  Tree main;
  uint64_t last_page = 0;
  uint64_t transaction = 0;
};

struct Node {
  ByteView key;
  ByteView value;  // Of a leaf; of a long value the 8 bytes of its page number.
  uint64_t value_bytes = 0;
  uint64_t child = 0;  // Of a branch.
  bool long_value = false;
};

/// The keys that may stand below a place: from `low` on, before `high`. Empty: unbounded.
struct KeyRange {
  ByteView low;
  ByteView high;
};

class Walk {
 public:
  explicit Walk(ByteView file) : file_(file) {}
  Result<void> run();

 private:
  using Visitor = Result<void> (Walk::*)(const Node&);

  Result<Meta> read_meta(uint64_t page) const;
  Result<Tree> read_tree(uint64_t page, uint64_t offset) const;
  Result<void> walk_tree(const Tree& tree, bool integer_keys);
  Result<void> walk_page(uint64_t page, uint16_t levels, KeyRange range);
  Result<void> walk_leaf(uint64_t page, size_t nodes, KeyRange range);
  Result<void> walk_branch(uint64_t page, uint16_t levels, size_t nodes, KeyRange range);
  Result<size_t> node_count(uint64_t page, uint16_t kind);
  Result<Node> node(uint64_t page, size_t number, bool leaf) const;
  Result<void> take_value(uint64_t page, const Node& node);
  Result<void> take(uint64_t page, uint64_t count);
  Result<void> take_free(uint64_t page, const Node& node);
  bool is_less(ByteView a, ByteView b) const;
  ByteView page_bytes(uint64_t page) const { return file_.subspan(page * kPageBytes, kPageBytes); }
  static std::unexpected<Status> damaged(uint64_t page, std::string_view what) {
    return fail(Code::data_loss,
                fmt::format("page {} of the key-value store is damaged: {}", page, what));
  }

  ByteView file_;
  Meta meta_;
  std::vector<bool> taken_;
  bool integer_keys_ = false;  // Of the tree that is walked.
  Tree found_;
};

Result<void> Walk::run() {
  if (file_.empty()) return {};
  if (file_.size() < kFirstPage * kPageBytes) return damaged(0, "the file is cut short");
  VECTRON_TRY(const Meta first, read_meta(0));
  VECTRON_TRY(const Meta second, read_meta(1));
  // As LMDB chooses.
  meta_ = first.transaction < second.transaction ? second : first;
  const uint64_t pages = file_.size() / kPageBytes;
  // A file may end before pages that were given out and are free again.
  if (meta_.last_page > pages + (uint64_t{1} << 32)) return damaged(0, "it counts too many pages");
  taken_.assign(std::min(meta_.last_page + 1, pages), false);
  VECTRON_CHECK_OK(walk_tree(meta_.main, false));
  return walk_tree(meta_.free, true);
}

Result<Meta> Walk::read_meta(uint64_t page) const {
  const ByteView bytes = page_bytes(page);
  if (load<uint64_t>(bytes, 0) != page || load<uint16_t>(bytes, 10) != kMeta ||
      load<uint32_t>(bytes, 16) != kMagic || load<uint32_t>(bytes, 20) != kDataVersion) {
    return damaged(page, "it is no meta page");
  }
  if (load<uint32_t>(bytes, 40) != kPageBytes) return damaged(page, "pages of another size");
  Meta meta;
  VECTRON_TRY(meta.free, read_tree(page, 40));
  VECTRON_TRY(meta.main, read_tree(page, 88));
  if (meta.free.flags != kIntegerKey || meta.main.flags != 0) {
    return damaged(page, "trees of another kind");
  }
  meta.last_page = load<uint64_t>(bytes, 136);
  meta.transaction = load<uint64_t>(bytes, 144);
  return meta;
}

Result<Tree> Walk::read_tree(uint64_t page, uint64_t offset) const {
  const ByteView bytes = page_bytes(page);
  Tree tree;
  tree.flags = load<uint16_t>(bytes, offset + 4);
  tree.depth = load<uint16_t>(bytes, offset + 6);
  tree.branch_pages = load<uint64_t>(bytes, offset + 8);
  tree.leaf_pages = load<uint64_t>(bytes, offset + 16);
  tree.overflow_pages = load<uint64_t>(bytes, offset + 24);
  tree.entries = load<uint64_t>(bytes, offset + 32);
  tree.root = load<uint64_t>(bytes, offset + 40);
  if (tree.depth > kDepthMax) return damaged(page, "a tree that is too deep");
  return tree;
}

Result<void> Walk::walk_tree(const Tree& tree, bool integer_keys) {
  integer_keys_ = integer_keys;
  found_ = Tree();
  found_.flags = tree.flags;
  found_.depth = tree.depth;
  found_.root = tree.root;
  if (tree.root != kNoPage) {
    if (tree.depth == 0) return damaged(tree.root, "a tree without depth has a root");
    VECTRON_CHECK_OK(walk_page(tree.root, tree.depth, {}));
  }
  if (found_ == tree) return {};
  return damaged(0, "a tree does not have the pages and entries that are counted");
}

Result<void> Walk::walk_page(uint64_t page, uint16_t levels, KeyRange range) {
  VECTRON_CHECK_OK(take(page, 1));
  const bool leaf = levels == 1;
  VECTRON_TRY(const size_t nodes, node_count(page, leaf ? kLeaf : kBranch));
  if (leaf) return walk_leaf(page, nodes, range);
  return walk_branch(page, levels, nodes, range);
}

Result<void> Walk::walk_leaf(uint64_t page, size_t nodes, KeyRange range) {
  ++found_.leaf_pages;
  found_.entries += nodes;
  ByteView last;
  for (size_t i = 0; i < nodes; ++i) {
    VECTRON_TRY(const Node entry, node(page, i, true));
    const bool in_order = (last.empty() || is_less(last, entry.key)) &&
                          (range.low.empty() || !is_less(entry.key, range.low)) &&
                          (range.high.empty() || is_less(entry.key, range.high));
    if (!in_order) return damaged(page, "its keys are out of order");
    last = entry.key;
    VECTRON_CHECK_OK(take_value(page, entry));
    if (integer_keys_) VECTRON_CHECK_OK(take_free(page, entry));
  }
  return {};
}

Result<void> Walk::walk_branch(uint64_t page, uint16_t levels, size_t nodes, KeyRange range) {
  ++found_.branch_pages;
  if (nodes < 2) return damaged(page, "it leads to fewer than two pages");
  for (size_t i = 0; i < nodes; ++i) {
    VECTRON_TRY(const Node entry, node(page, i, false));
    KeyRange below = range;
    // The first key of a branch page is not looked at by LMDB.
    if (i > 0) below.low = entry.key;
    if (i + 1 < nodes) {
      VECTRON_TRY(const Node next, node(page, i + 1, false));
      below.high = next.key;
    }
    const bool in_order = below.low.empty() || below.high.empty() || is_less(below.low, below.high);
    if (!in_order) return damaged(page, "its keys are out of order");
    VECTRON_CHECK_OK(walk_page(entry.child, static_cast<uint16_t>(levels - 1), below));
  }
  return {};
}

Result<size_t> Walk::node_count(uint64_t page, uint16_t kind) {
  const ByteView bytes = page_bytes(page);
  const auto lower = load<uint16_t>(bytes, 12);
  const auto upper = load<uint16_t>(bytes, 14);
  const bool fits = lower > kPageHeaderBytes && lower % 2 == 0 && lower <= upper &&
                    upper <= kPageBytes && load<uint64_t>(bytes, 0) == page &&
                    load<uint16_t>(bytes, 10) == kind;
  if (!fits) return damaged(page, "its header");
  return (lower - kPageHeaderBytes) / 2;
}

Result<Node> Walk::node(uint64_t page, size_t number, bool leaf) const {
  const ByteView bytes = page_bytes(page);
  const uint64_t offset = load<uint16_t>(bytes, kPageHeaderBytes + 2 * number);
  if (offset < load<uint16_t>(bytes, 14) || offset + kNodeHeaderBytes > kPageBytes) {
    return damaged(page, "the place of a node");
  }
  const uint64_t low = load<uint16_t>(bytes, offset);
  const uint64_t high = load<uint16_t>(bytes, offset + 2);
  const auto flags = load<uint16_t>(bytes, offset + 4);
  const auto key_bytes = load<uint16_t>(bytes, offset + 6);
  Node out;
  const uint64_t value_at = offset + kNodeHeaderBytes + key_bytes;
  if (key_bytes > kKeyBytesMax || value_at > kPageBytes) return damaged(page, "a key's length");
  out.key = bytes.subspan(offset + kNodeHeaderBytes, key_bytes);
  if (!leaf) {
    out.child = low | high << 16 | uint64_t{flags} << 32;
    if (key_bytes == 0 && number > 0) return damaged(page, "an empty key");
    return out;
  }
  out.long_value = flags == kLongValue;
  out.value_bytes = low | high << 16;
  const uint64_t here = out.long_value ? sizeof(uint64_t) : out.value_bytes;
  const bool fits = (flags == 0 || out.long_value) && key_bytes > 0 &&
                    value_at + here <= kPageBytes &&
                    (!integer_keys_ || key_bytes == sizeof(uint64_t));
  if (!fits) return damaged(page, "a node");
  out.value = bytes.subspan(value_at, here);
  return out;
}

Result<void> Walk::take_value(uint64_t page, const Node& node) {
  if (!node.long_value) return {};
  const auto first = load<uint64_t>(node.value, 0);
  const uint64_t count = (kPageHeaderBytes + node.value_bytes + kPageBytes - 1) / kPageBytes;
  if (first >= taken_.size()) return damaged(page, "a value lies outside of the file");
  const ByteView header = page_bytes(first);
  const bool fits = load<uint64_t>(header, 0) == first && load<uint16_t>(header, 10) == kOverflow &&
                    load<uint32_t>(header, 12) == count;
  if (!fits) return damaged(first, "the header of a long value");
  found_.overflow_pages += count;
  return take(first, count);
}

Result<void> Walk::take(uint64_t page, uint64_t count) {
  const bool inside = page >= kFirstPage && page < taken_.size() && count <= taken_.size() - page;
  if (!inside) return damaged(page, "it lies outside of the file");
  for (uint64_t i = page; i < page + count; ++i) {
    if (taken_[i]) return damaged(i, "it is in use twice");
    taken_[i] = true;
  }
  return {};
}

/// The pages that a node of the free tree lists: a count, then numbers.
Result<void> Walk::take_free(uint64_t page, const Node& node) {
  ByteView list = node.value;
  if (node.long_value) {
    const uint64_t begin = load<uint64_t>(node.value, 0) * kPageBytes + kPageHeaderBytes;
    list = file_.subspan(begin, node.value_bytes);  // take_value() saw that it is there.
  }
  const uint64_t numbers = list.size() / sizeof(uint64_t);
  if (list.size() % sizeof(uint64_t) != 0 || numbers == 0) return damaged(page, "a free list");
  const auto count = load<uint64_t>(list, 0);
  const bool listed = count < numbers && load<uint64_t>(node.key, 0) <= meta_.transaction;
  if (!listed) return damaged(page, "a free list");
  uint64_t last = kNoPage;
  for (uint64_t i = 1; i <= count; ++i) {
    const auto free = load<uint64_t>(list, i * sizeof(uint64_t));
    if (free >= last || free < kFirstPage || free > meta_.last_page) {
      return damaged(page, "a free list");
    }
    if (free < taken_.size()) VECTRON_CHECK_OK(take(free, 1));
    last = free;
  }
  return {};
}

bool Walk::is_less(ByteView a, ByteView b) const {
  if (integer_keys_ && a.size() == sizeof(uint64_t) && b.size() == sizeof(uint64_t)) {
    return load<uint64_t>(a, 0) < load<uint64_t>(b, 0);
  }
  return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end());
}

}  // namespace

Result<void> check(ByteView file) {
  Walk walk(file);
  return walk.run();
}

}  // namespace vectron::kv_structure
