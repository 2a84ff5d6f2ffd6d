#include "core/index/graph.h"

#include <algorithm>
#include <utility>

#include "core/base/assert.h"
#include "core/base/hash.h"
#include "core/index/salted_key.h"
#include "core/index/walk_scratch.h"

namespace vectron::index {

namespace {

constexpr uint64_t kLevelKey = 0x766563746c76656cULL;  // separates level hashes from all others

uint64_t pack(Graph::EntryPoint entry) {
  return static_cast<uint64_t>(entry.level + 1) << 32 | entry.slot;
}

Graph::EntryPoint unpack(uint64_t packed) {
  return {static_cast<Slot>(packed), static_cast<int>(packed >> 32) - 1};
}

}  // namespace

int level_of(Slot slot, uint32_t m) {
  const uint64_t hash = mix64(kLevelKey ^ slot);
  int level = 0;
  for (uint64_t bound = UINT64_MAX / m; hash < bound && level < kLevelMax; bound /= m) ++level;
  return level;
}

Graph::Graph(const VectorStore& vectors, DistanceFunction link_distance, GraphOptions options)
    : vectors_(vectors),
      link_distance_(link_distance),
      options_(options),
      level0_(size_t{2} * options.m),
      upper_(1),
      copies_(vectors) {
  VECTRON_ASSERT(options.m >= 2 && options.ef_construction >= 1);
}

Graph::~Graph() {
  const Slot slot_end = vectors_.count();
  // There are gaps: a slot that died before its turn was never added.
  for (Slot slot = 0; slot < slot_end; ++slot) {
    if (upper_.has(slot)) delete[] std::exchange(*upper_.mutable_element(slot), nullptr);
  }
}

bool Graph::add(Slot slot) {
  VECTRON_ASSERT(slot < vectors_.count(), "slot {} has no vector", slot);
  level0_.ensure(slot);
  upper_.ensure(slot);
  copies_.make_room(slot);
  if (copies_.join(slot)) return false;
  make_lists(slot, level_of(slot, options_.m));
  link(slot);
  copies_.publish(slot);
  nodes_.fetch_add(1, std::memory_order_relaxed);
  return true;
}

void Graph::relink(Slot slot) {
  for (int level = 0; level <= level_of(slot, options_.m); ++level) {
    std::fill_n(list(slot, level), list_words(level), 0);
  }
  link(slot);
}

void Graph::link(Slot slot) {
  const int level = level_of(slot, options_.m);
  if (become_first(slot, level)) return;
  const ScratchLease lease(*this);
  WalkScratch& scratch = *lease;
  const EntryPoint entry = entry_point();
  const int top = std::min(level, entry.level);
  find_neighbors(slot, level, entry, scratch);
  for (int l = 0; l <= top; ++l) {
    Word* words = list(slot, l);
    VECTRON_ASSERT(load_word(words) == 0, "slot {} is linked already", slot);
    for (const NeighborKey neighbor : scratch.neighbors[l])
      store_word(words++, slot_of(neighbor) + 1);
  }
  for (int l = 0; l <= top; ++l) {
    for (const NeighborKey neighbor : scratch.neighbors[l]) {
      link_back(slot_of(neighbor), {distance_of(neighbor), slot}, l, scratch);
    }
  }
  if (level > top) raise_entry_point(slot, level);
}

// Adds the link `from` -> `to`, which is so far away. A full list is chosen anew from itself and
// the newcomer.
void Graph::link_back(Slot from, Neighbor to, int level, WalkScratch& scratch) {
  const std::scoped_lock lock(stripes_[from % kStripes]);
  Word* words = list(from, level);
  const uint32_t words_max = list_words(level);
  uint32_t count = 0;
  while (count < words_max && load_word(words + count) != 0) ++count;
  if (count < words_max) {
    store_word(words + count, to.slot + 1);
    return;
  }
  const uint32_t salt = salt_of(from);
  std::vector<NeighborKey>& candidates = scratch.relink;
  candidates.assign(1, salted_key(to.distance, to.slot, salt));
  const LinkScorer scorer = link_scorer(from);
  for (uint32_t i = 0; i < count; ++i) {
    if (i + 1 < count) scorer.prefetch(load_word(words + i + 1) - 1);
    const Slot slot = load_word(words + i) - 1;
    candidates.push_back(salted_key(scorer.to(slot), slot, salt));
  }
  std::ranges::sort(candidates);
  select_diverse(scorer, candidates, words_max, salt);
  for (uint32_t i = 0; i < words_max; ++i) {
    store_word(words + i, i < candidates.size() ? salted_slot(candidates[i], salt) + 1 : 0);
  }
}

// Algorithm 4 of the paper, without its extensions: a candidate stays unless one that stayed is
// nearer to it than the base is. `candidates` is sorted; so is what is left of it. As in hnswlib, a
// short list is left alone.
void Graph::select_diverse(const LinkScorer& scorer, std::vector<NeighborKey>& candidates,
                           size_t keep_max, uint32_t salt) {
  if (candidates.size() < keep_max) return;
  size_t kept = 0;
  for (size_t i = 0; i < candidates.size() && kept < keep_max; ++i) {
    const NeighborKey candidate = candidates[i];
    const LinkScorer from_candidate = scorer.from(salted_slot(candidate, salt));
    const float limit = distance_of(candidate);
    const auto shadows = [&](NeighborKey other) {
      return from_candidate.to(salted_slot(other, salt)) < limit;
    };
    const auto kept_end = candidates.begin() + static_cast<ptrdiff_t>(kept);
    if (std::none_of(candidates.begin(), kept_end, shadows)) candidates[kept++] = candidate;
  }
  candidates.resize(kept);
}

// Empty lists for the node's levels above 0; those of level 0 are there.
void Graph::make_lists(Slot slot, int level) {
  if (level == 0) return;
  const size_t words = static_cast<size_t>(level) * options_.m;
  std::atomic_ref(*upper_.mutable_element(slot))
      .store(new Word[words](), std::memory_order_release);
  upper_bytes_.fetch_add(words * sizeof(Word), std::memory_order_relaxed);
}

// The first node has nothing to link to. Of several that begin at once one wins, and the others
// link to it.
bool Graph::become_first(Slot slot, int level) {
  if (entry_point().level >= 0) return false;
  const std::scoped_lock lock(entry_mutex_);
  if (entry_point().level >= 0) return false;
  entry_.store(pack({slot, level}), std::memory_order_release);
  return true;
}

void Graph::raise_entry_point(Slot slot, int level) {
  const std::scoped_lock lock(entry_mutex_);
  if (level > entry_point().level) entry_.store(pack({slot, level}), std::memory_order_release);
}

void Graph::set_entry_point(EntryPoint entry) {
  const std::scoped_lock lock(entry_mutex_);
  entry_.store(pack(entry), std::memory_order_release);
}

Graph::EntryPoint Graph::entry_point() const {
  return unpack(entry_.load(std::memory_order_acquire));
}

uint64_t Graph::bytes() const {
  const uint64_t node_bytes = uint64_t{2} * options_.m * sizeof(Word) + sizeof(Word*);
  return (nodes() + copies_.count()) * (node_bytes + Copies::kChainBytes) + copies_.table_bytes() +
         upper_bytes_.load(std::memory_order_relaxed);
}

std::vector<Slot> Graph::links(Slot slot, int level) const {
  std::vector<Slot> slots;
  const bool has_lists = level0_.has(slot) && upper_.has(slot);
  if (level > level_of(slot, options_.m) || !has_lists) return slots;
  // A slot that was never linked has no upper lists.
  const Word* words = list(slot, level);
  for (uint32_t i = 0; words != nullptr && i < list_words(level); ++i) {
    const Word word = load_word(words + i);
    if (word == 0) break;
    slots.push_back(word - 1);
  }
  return slots;
}

bool Graph::is_node(Slot slot) const {
  return level0_.has(slot) && load_word(list(slot, 0)) != 0;
}

uint64_t Graph::digest(Slot slot_end) const {
  uint64_t digest = pack(entry_point());
  for (Slot slot = 0; slot < slot_end; ++slot) {
    for (int level = 0; level <= level_of(slot, options_.m); ++level) {
      for (const Slot neighbor : links(slot, level)) digest = mix64(digest ^ neighbor);
      digest = mix64(digest ^ (uint64_t{1} << 32));
    }
  }
  return digest;
}

}  // namespace vectron::index
