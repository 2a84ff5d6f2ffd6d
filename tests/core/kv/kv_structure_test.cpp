// What holds a store's file together, broken in one place at a time. The file is one that the
// library wrote; each place is the only one that tells.
#include "core/kv/kv_structure.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <functional>

#include "core/kv/kv_store.h"
#include "core/kv/lmdb_page.h"
#include "tests/support/memory_env.h"

namespace vectron {
namespace {

using lmdb_page::kHeaderBytes;
using lmdb_page::kPageBytes;

/// Hundreds of keys in several leaves, two long values of one size, and freed pages.
class KvStructure : public ::testing::Test {
 protected:
  KvStructure() {
    KvConfig config;
    config.map_bytes_max = 4 << 20;
    config.readers_max = 8;
    auto store = env_.run(KvStore::open(&env_, "kv", config));
    VECTRON_ASSERT(store.has_value(), "{}", store.error().to_string());
    for (uint8_t round = 0; round < 3; ++round) {
      KvBatch batch;
      for (int i = 0; i < 600; ++i) {
        batch.put(as_bytes(fmt::format("key-{:03}", i)), Bytes(20, round));
      }
      batch.put(as_bytes("long-1"), Bytes(5000, round));
      batch.put(as_bytes("long-2"), Bytes(5000, round));
      VECTRON_ASSERT(env_.run((*store)->commit(std::move(batch))).has_value());
    }
    const std::string path = (*env_.disk().open_blocking_directory("kv"))->path() + "/data.mdb";
    env_.run((*store)->close());
    std::ifstream in(path, std::ios::binary);
    file_ = Bytes(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
  }
  bool is_whole() const { return kv_structure::check(file_).has_value(); }
  ByteView page(uint64_t number) const {
    return ByteView(file_).subspan(number * kPageBytes, kPageBytes);
  }
  uint64_t newest_meta() const {
    const auto transaction = [&](uint64_t n) {
      return lmdb_page::read_meta(page(n), n)->transaction;
    };
    return transaction(0) < transaction(1) ? 1 : 0;
  }
  lmdb_page::Meta meta() const { return *lmdb_page::read_meta(page(newest_meta()), newest_meta()); }
  /// The leaves of the main tree, in order of keys. Requires: a tree of two levels.
  std::vector<uint64_t> leaves() const {
    const uint64_t root = meta().main.root;
    std::vector<uint64_t> out;
    const size_t nodes = *lmdb_page::node_count(page(root), root, lmdb_page::kBranch);
    for (size_t i = 0; i < nodes; ++i) {
      out.push_back(lmdb_page::read_branch_node(page(root), root, i)->child);
    }
    return out;
  }
  lmdb_page::Node leaf_node(uint64_t leaf, size_t index) const {
    return *lmdb_page::read_leaf_node(page(leaf), leaf, index);
  }
  size_t nodes_of(uint64_t leaf) const {
    return *lmdb_page::node_count(page(leaf), leaf, lmdb_page::kLeaf);
  }
  /// The value of a long one: the number of its first page.
  ByteView long_value(std::string_view key) const {
    for (const uint64_t leaf : leaves()) {
      for (size_t i = 0; i < nodes_of(leaf); ++i) {
        const lmdb_page::Node node = leaf_node(leaf, i);
        const bool ends_so = as_text(node.key).ends_with(key);
        if (node.long_value && ends_so) return node.value;
      }
    }
    VECTRON_ASSERT(false, "no long value {}", key);
  }
  size_t place_of(ByteView bytes) const { return static_cast<size_t>(bytes.data() - file_.data()); }
  template <typename T>
  void store(size_t at, T value) {
    std::memcpy(file_.data() + at, &value, sizeof(value));
  }

  MemoryEnv env_;
  Bytes file_;
};

TEST_F(KvStructure, AFileOfTheLibraryIsWhole) {
  EXPECT_TRUE(is_whole());
  EXPECT_EQ(meta().main.depth, 2);
  EXPECT_GT(leaves().size(), 2u);
}

TEST_F(KvStructure, NothingMoreIsReadWhenNobodyWaits) {
  GivenUp given_up;
  {
    const GiveUpAtEnd waits;
    given_up = waits.given_up();
    EXPECT_TRUE(kv_structure::check(file_, given_up).has_value());
  }
  EXPECT_EQ(status_of(kv_structure::check(file_, given_up)).code(), Code::cancelled);
}

TEST_F(KvStructure, AKeyThatBelongsToTheNextPageIsFound) {
  const uint64_t leaf = leaves().front();
  const ByteView last = leaf_node(leaf, nodes_of(leaf) - 1).key;
  file_[place_of(last)] = 0xff;
  EXPECT_FALSE(is_whole());
}

TEST_F(KvStructure, AKeyThatBelongsToThePageBeforeIsFound) {
  const ByteView first = leaf_node(leaves()[1], 0).key;
  file_[place_of(first)] = 0;
  EXPECT_FALSE(is_whole());
}

TEST_F(KvStructure, TwoValuesOfOnePageAreFound) {
  const auto first = lmdb_page::load<uint64_t>(long_value("long-1"), 0);
  store(place_of(long_value("long-2")), first);
  EXPECT_FALSE(is_whole());
}

TEST_F(KvStructure, ALongValueThatCountsOtherPagesIsFound) {
  const auto first = lmdb_page::load<uint64_t>(long_value("long-1"), 0);
  const size_t at = first * kPageBytes + lmdb_page::kPageCountAt;
  for (const uint32_t count : {0u, 1u, 3u, UINT32_MAX}) {
    store(at, count);
    EXPECT_FALSE(is_whole()) << count;
  }
}

TEST_F(KvStructure, ATreeThatCountsOtherEntriesIsFound) {
  constexpr size_t kEntriesInTree = 32;
  const size_t at = newest_meta() * kPageBytes + lmdb_page::kMainTreeAt + kEntriesInTree;
  const auto entries = lmdb_page::load<uint64_t>(file_, at);
  EXPECT_EQ(entries, meta().main.entries);
  store(at, entries + 1);
  EXPECT_FALSE(is_whole());
}

TEST_F(KvStructure, AFreeListThatIsOutOfOrderIsFound) {
  const uint64_t leaf = meta().free.root;
  size_t swapped = 0;
  for (size_t i = 0; i < nodes_of(leaf); ++i) {
    const lmdb_page::Node node = leaf_node(leaf, i);
    if (node.long_value || lmdb_page::load<uint64_t>(node.value, 0) < 2) continue;
    const size_t at = place_of(node.value) + sizeof(uint64_t);
    const auto one = lmdb_page::load<uint64_t>(file_, at);
    const auto two = lmdb_page::load<uint64_t>(file_, at + sizeof(uint64_t));
    store(at, two);
    store(at + sizeof(uint64_t), one);
    ++swapped;
    break;
  }
  ASSERT_EQ(swapped, 1u);
  EXPECT_FALSE(is_whole());
}

TEST_F(KvStructure, AFreePageThatIsInUseIsFound) {
  const uint64_t leaf = meta().free.root;
  for (size_t i = 0; i < nodes_of(leaf); ++i) {
    const lmdb_page::Node node = leaf_node(leaf, i);
    if (node.long_value || lmdb_page::load<uint64_t>(node.value, 0) != 1) continue;
    store(place_of(node.value) + sizeof(uint64_t), leaves().front());
    EXPECT_FALSE(is_whole());
    return;
  }
  const lmdb_page::Node node = leaf_node(leaf, 0);
  ASSERT_FALSE(node.long_value);
  store(place_of(node.value) + sizeof(uint64_t), meta().last_page);
  EXPECT_FALSE(is_whole());
}

}  // namespace
}  // namespace vectron
