#include "core/kv/kv_structure.h"

#include <algorithm>
#include <vector>

#include "core/kv/lmdb_page.h"

namespace vectron::kv_structure {
namespace {

using lmdb_page::damaged;
using lmdb_page::kHeaderBytes;
using lmdb_page::kPageBytes;
using lmdb_page::load;
using lmdb_page::Meta;
using lmdb_page::Node;
using lmdb_page::Tree;

constexpr uint64_t kFirstPage = lmdb_page::kMetaPages;

/// The keys that may stand below a place: from `low` on, before `high`. Empty: unbounded.
struct KeyRange {
  ByteView low;
  ByteView high;
};

class Walk {
 public:
  Walk(ByteView file, const GivenUp& given_up) : file_(file), given_up_(given_up) {}
  Result<void> run();

 private:
  Result<void> walk_tree(const Tree& tree, bool integer_keys);
  Result<void> walk_page(uint64_t page, uint16_t levels, KeyRange range);
  Result<void> walk_leaf(uint64_t page, size_t nodes, KeyRange range);
  Result<void> walk_branch(uint64_t page, uint16_t levels, size_t nodes, KeyRange range);
  Result<void> take_value(uint64_t page, const Node& node);
  Result<void> take(uint64_t page, uint64_t count);
  Result<void> take_free(uint64_t page, const Node& node);
  bool is_less(ByteView a, ByteView b) const;
  ByteView page_bytes(uint64_t page) const { return file_.subspan(page * kPageBytes, kPageBytes); }

  ByteView file_;
  const GivenUp& given_up_;
  Meta meta_;
  std::vector<bool> taken_;
  bool integer_keys_ = false;  // Of the tree that is walked.
  Tree found_;
};

Result<void> Walk::run() {
  if (file_.empty()) return {};
  if (file_.size() < kFirstPage * kPageBytes) return damaged(0, "the file is cut short");
  VECTRON_TRY(const Meta first, lmdb_page::read_meta(page_bytes(0), 0));
  VECTRON_TRY(const Meta second, lmdb_page::read_meta(page_bytes(1), 1));
  // As LMDB chooses.
  meta_ = first.transaction < second.transaction ? second : first;
  const uint64_t pages = file_.size() / kPageBytes;
  // A file may end before pages that were given out and are free again.
  if (meta_.last_page > pages + (uint64_t{1} << 32)) return damaged(0, "it counts too many pages");
  taken_.assign(std::min(meta_.last_page + 1, pages), false);
  VECTRON_CHECK_OK(walk_tree(meta_.main, false));
  return walk_tree(meta_.free, true);
}

Result<void> Walk::walk_tree(const Tree& tree, bool integer_keys) {
  integer_keys_ = integer_keys;
  found_ = Tree();
  found_.flags = tree.flags;
  found_.depth = tree.depth;
  found_.root = tree.root;
  if (tree.root != lmdb_page::kNoPage) {
    if (tree.depth == 0) return damaged(tree.root, "a tree without depth has a root");
    VECTRON_CHECK_OK(walk_page(tree.root, tree.depth, {}));
  }
  if (found_ == tree) return {};
  return damaged(0, "a tree does not have the pages and entries that are counted");
}

Result<void> Walk::walk_page(uint64_t page, uint16_t levels, KeyRange range) {
  if (given_up_) return fail(Code::cancelled, "nobody waits for the check of the file");
  VECTRON_CHECK_OK(take(page, 1));
  const bool leaf = levels == 1;
  VECTRON_TRY(
      const size_t nodes,
      lmdb_page::node_count(page_bytes(page), page, leaf ? lmdb_page::kLeaf : lmdb_page::kBranch));
  if (leaf) return walk_leaf(page, nodes, range);
  return walk_branch(page, levels, nodes, range);
}

Result<void> Walk::walk_leaf(uint64_t page, size_t nodes, KeyRange range) {
  ++found_.leaf_pages;
  found_.entries += nodes;
  ByteView last;
  for (size_t i = 0; i < nodes; ++i) {
    VECTRON_TRY(const Node entry, lmdb_page::read_leaf_node(page_bytes(page), page, i));
    if (integer_keys_ && entry.key.size() != sizeof(uint64_t)) return damaged(page, "a node");
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
    VECTRON_TRY(const Node entry, lmdb_page::read_branch_node(page_bytes(page), page, i));
    KeyRange below = range;
    // The first key of a branch page is not looked at by LMDB.
    if (i > 0) below.low = entry.key;
    if (i + 1 < nodes) {
      VECTRON_TRY(const Node next, lmdb_page::read_branch_node(page_bytes(page), page, i + 1));
      below.high = next.key;
    }
    const bool in_order = below.low.empty() || below.high.empty() || is_less(below.low, below.high);
    if (!in_order) return damaged(page, "its keys are out of order");
    VECTRON_CHECK_OK(walk_page(entry.child, static_cast<uint16_t>(levels - 1), below));
  }
  return {};
}

Result<void> Walk::take_value(uint64_t page, const Node& node) {
  if (!node.long_value) return {};
  const auto first = load<uint64_t>(node.value, 0);
  const uint64_t count = (kHeaderBytes + node.value_bytes + kPageBytes - 1) / kPageBytes;
  if (first >= taken_.size()) return damaged(page, "a value lies outside of the file");
  const ByteView header = page_bytes(first);
  const bool fits = load<uint64_t>(header, lmdb_page::kNumberAt) == first &&
                    load<uint16_t>(header, lmdb_page::kFlagsAt) == lmdb_page::kOverflow &&
                    load<uint32_t>(header, lmdb_page::kPageCountAt) == count;
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
    const uint64_t begin = load<uint64_t>(node.value, 0) * kPageBytes + kHeaderBytes;
    list = file_.subspan(begin, node.value_bytes);  // take_value() saw that it is there.
  }
  const uint64_t numbers = list.size() / sizeof(uint64_t);
  if (list.size() % sizeof(uint64_t) != 0 || numbers == 0) return damaged(page, "a free list");
  const auto count = load<uint64_t>(list, 0);
  const bool listed = count < numbers && load<uint64_t>(node.key, 0) <= meta_.transaction;
  if (!listed) return damaged(page, "a free list");
  uint64_t last = lmdb_page::kNoPage;
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
  return vectron::is_less(a, b);
}

}  // namespace

Result<void> check(ByteView file, const GivenUp& given_up) {
  Walk walk(file, given_up);
  return walk.run();
}

}  // namespace vectron::kv_structure
