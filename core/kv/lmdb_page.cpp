#include "core/kv/lmdb_page.h"

#include <fmt/format.h>

namespace vectron::lmdb_page {
namespace {

constexpr uint32_t kMagic = 0xBEEFC0DE;
constexpr uint32_t kDataVersion = 1;
constexpr uint16_t kIntegerKey = 0x08;  // Of the tree of free pages.
constexpr uint16_t kLongValue = 0x01;   // Of a node: its value lies in pages of its own.
constexpr uint16_t kDepthMax = 32;      // As LMDB's CURSOR_STACK.

Result<Tree> read_tree(ByteView page, uint64_t number, uint64_t offset) {
  Tree tree;
  tree.flags = load<uint16_t>(page, offset + 4);
  tree.depth = load<uint16_t>(page, offset + 6);
  tree.branch_pages = load<uint64_t>(page, offset + 8);
  tree.leaf_pages = load<uint64_t>(page, offset + 16);
  tree.overflow_pages = load<uint64_t>(page, offset + 24);
  tree.entries = load<uint64_t>(page, offset + 32);
  tree.root = load<uint64_t>(page, offset + kRootInTree);
  if (tree.depth > kDepthMax) return damaged(number, "a tree that is too deep");
  return tree;
}

/// A node's header and key; where its value would begin is `value_at`.
struct NodeHead {
  uint64_t low = 0;
  uint64_t high = 0;
  uint16_t flags = 0;
  ByteView key;
  uint64_t value_at = 0;
};

Result<NodeHead> read_head(ByteView page, uint64_t number, size_t index) {
  const uint64_t offset = load<uint16_t>(page, kHeaderBytes + 2 * index);
  if (offset < load<uint16_t>(page, kUpperAt) || offset + kNodeHeaderBytes > kPageBytes) {
    return damaged(number, "the place of a node");
  }
  NodeHead head;
  head.low = load<uint16_t>(page, offset);
  head.high = load<uint16_t>(page, offset + 2);
  head.flags = load<uint16_t>(page, offset + 4);
  const auto key_bytes = load<uint16_t>(page, offset + 6);
  head.value_at = offset + kNodeHeaderBytes + key_bytes;
  if (key_bytes > kKeyBytesMax || head.value_at > kPageBytes) {
    return damaged(number, "a key's length");
  }
  head.key = page.subspan(offset + kNodeHeaderBytes, key_bytes);
  return head;
}

}  // namespace

std::unexpected<Status> damaged(uint64_t number, std::string_view what) {
  return fail(Code::data_loss,
              fmt::format("page {} of the key-value store is damaged: {}", number, what));
}

Result<Meta> read_meta(ByteView page, uint64_t number) {
  if (load<uint64_t>(page, kNumberAt) != number || load<uint16_t>(page, kFlagsAt) != kMeta ||
      load<uint32_t>(page, 16) != kMagic || load<uint32_t>(page, 20) != kDataVersion) {
    return damaged(number, "it is no meta page");
  }
  if (load<uint32_t>(page, 40) != kPageBytes) return damaged(number, "pages of another size");
  Meta meta;
  VECTRON_TRY(meta.free, read_tree(page, number, kFreeTreeAt));
  VECTRON_TRY(meta.main, read_tree(page, number, kMainTreeAt));
  if (meta.free.flags != kIntegerKey || meta.main.flags != 0) {
    return damaged(number, "trees of another kind");
  }
  meta.last_page = load<uint64_t>(page, 136);
  meta.transaction = load<uint64_t>(page, kTransactionAt);
  return meta;
}

Result<size_t> node_count(ByteView page, uint64_t number, uint16_t kind) {
  const auto lower = load<uint16_t>(page, kLowerAt);
  const auto upper = load<uint16_t>(page, kUpperAt);
  const bool fits = lower > kHeaderBytes && lower % 2 == 0 && lower <= upper &&
                    upper <= kPageBytes && load<uint64_t>(page, kNumberAt) == number &&
                    load<uint16_t>(page, kFlagsAt) == kind;
  if (!fits) return damaged(number, "its header");
  return (lower - kHeaderBytes) / 2;
}

Result<Node> read_leaf_node(ByteView page, uint64_t number, size_t index) {
  VECTRON_TRY(const NodeHead head, read_head(page, number, index));
  Node node;
  node.key = head.key;
  node.long_value = head.flags == kLongValue;
  node.value_bytes = head.low | head.high << 16;
  const uint64_t here = node.long_value ? sizeof(uint64_t) : node.value_bytes;
  const bool fits = (head.flags == 0 || node.long_value) && !head.key.empty() &&
                    head.value_at + here <= kPageBytes;
  if (!fits) return damaged(number, "a node");
  node.value = page.subspan(head.value_at, here);
  return node;
}

Result<Node> read_branch_node(ByteView page, uint64_t number, size_t index) {
  VECTRON_TRY(const NodeHead head, read_head(page, number, index));
  if (head.key.empty() && index > 0) return damaged(number, "an empty key");
  Node node;
  node.key = head.key;
  node.child = head.low | head.high << 16 | uint64_t{head.flags} << 32;
  return node;
}

}  // namespace vectron::lmdb_page
