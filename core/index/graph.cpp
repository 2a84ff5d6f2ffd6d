#include "core/index/graph.h"

#include <algorithm>
#include <utility>

#include "core/base/assert.h"
#include "core/base/hash.h"

namespace vectron::index {

namespace {

// Rows up to this are fetched as soon as a list names them; of longer ones the next ahead, for a
// list of them would push one another out of the cache.
constexpr size_t kPrefetchAllRowBytesMax = 256;
constexpr uint64_t kLevelKey = 0x766563746c76656cULL;  // separates level hashes from all others
constexpr size_t kCacheLineBytes = 64;
constexpr size_t kPrefetchBytesMax =
    1'024;  // of a row; the hardware's own prefetcher follows from there

uint32_t load_word(const uint32_t* word) {
  return std::atomic_ref(*const_cast<uint32_t*>(word)).load(std::memory_order_acquire);
}

void store_word(uint32_t* word, uint32_t value) {
  std::atomic_ref(*word).store(value, std::memory_order_release);
}

void push_max(std::vector<NeighborKey>& heap, NeighborKey key) {
  heap.push_back(key);
  std::push_heap(heap.begin(), heap.end());
}

// Equal distances are common (bits, one-hot vectors, lattices). Were ties always settled by slot,
// every node would link to the same few. So each base has an order of its own among equals, in
// which any slot may come first: the lower half of a key is the slot, xored with the base's salt
// and multiplied by an odd number, which can be undone.
constexpr uint32_t kTieFactor = 0x9e3779b1;
constexpr uint32_t inverse_of(uint32_t odd) {
  uint32_t inverse = odd;  // right in 3 bits; each step doubles them (Newton)
  for (int bits = 3; bits < 32; bits *= 2) inverse *= 2 - odd * inverse;
  return inverse;
}
constexpr uint32_t kTieFactorInverse = inverse_of(kTieFactor);
static_assert(kTieFactor * kTieFactorInverse == 1);

constexpr uint32_t kQuerySalt = 0x76656374;
uint32_t salt_of(Slot base) {
  return static_cast<uint32_t>(mix64(base));
}

NeighborKey salted_key(float distance, Slot slot, uint32_t salt) {
  return neighbor_key(distance, (slot ^ salt) * kTieFactor);
}

Slot salted_slot(NeighborKey key, uint32_t salt) {
  return (slot_of(key) * kTieFactorInverse) ^ salt;
}

bool farther(NeighborKey a, NeighborKey b) {
  return a >> 32 > b >> 32;
}

// Puts `key` in the place of the largest element, which must not be smaller, and restores the heap.
void replace_max(std::vector<NeighborKey>& heap, NeighborKey key) {
  const size_t size = heap.size();
  size_t hole = 0;
  for (size_t child = 1; child < size; child = 2 * hole + 1) {
    if (child + 1 < size && heap[child + 1] > heap[child]) ++child;
    if (heap[child] <= key) break;
    heap[hole] = heap[child];
    hole = child;
  }
  heap[hole] = key;
}

void push_min(std::vector<NeighborKey>& heap, NeighborKey key) {
  heap.push_back(key);
  std::push_heap(heap.begin(), heap.end(), std::greater());
}

NeighborKey pop_min(std::vector<NeighborKey>& heap) {
  std::pop_heap(heap.begin(), heap.end(), std::greater());
  const NeighborKey key = heap.back();
  heap.pop_back();
  return key;
}

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

// What one walk needs besides the graph. It keeps its memory from walk to walk; its contents mean
// nothing between them.
struct Graph::Scratch {
  std::vector<uint64_t> visited;  // a bit for each slot
  std::vector<Slot> touched;      // the first `touched_count`: slots whose bit is set
  size_t touched_count = 0;
  uint32_t salt = 0;                  // Of the keys below.
  uint64_t evaluations = 0;           // Distances and copies looked at by the last walk.
  std::vector<NeighborKey> frontier;  // min-heap: seen and not expanded
  std::vector<NeighborKey> best;      // max-heap: the accepted nearest so far
  std::vector<NeighborKey> relink;    // candidates of a full list
  std::array<std::vector<NeighborKey>, kLevelMax + 1> neighbors;  // of a new node, by level

  void begin_walk(uint32_t keys_salt) {
    salt = keys_salt;
    evaluations = 0;
    for (size_t i = 0; i < touched_count; ++i) visited[touched[i] / 64] = 0;
    touched_count = 0;
    frontier.clear();
    best.clear();
  }

  // Room for `count` more touched slots; what lies beyond touched_count means nothing.
  Slot* make_room(size_t count) {
    if (touched.size() < touched_count + count) [[unlikely]]
      touched.resize(2 * (touched_count + count));
    return touched.data() + touched_count;
  }

  // The word of `visited` in which the bit of `slot` is.
  uint64_t& visited_word(Slot slot) {
    const size_t word = slot / 64;
    if (word >= visited.size()) [[unlikely]]
      visited.resize(std::max(word + 1, 2 * visited.size()));
    return visited[word];
  }
};

class Graph::ScratchLease {
 public:
  explicit ScratchLease(const Graph& graph) : graph_(graph) {
    const std::scoped_lock lock(graph_.scratches_mutex_);
    if (!graph_.idle_scratches_.empty()) {
      scratch_ = std::move(graph_.idle_scratches_.back());
      graph_.idle_scratches_.pop_back();
    } else {
      scratch_ = std::make_unique<Scratch>();
    }
  }
  ScratchLease(const ScratchLease&) = delete;
  ScratchLease& operator=(const ScratchLease&) = delete;
  ~ScratchLease() {
    const std::scoped_lock lock(graph_.scratches_mutex_);
    if (graph_.idle_scratches_.size() < kIdleScratchesMax) {
      graph_.idle_scratches_.push_back(std::move(scratch_));
    }
  }
  Scratch& operator*() const { return *scratch_; }

 private:
  const Graph& graph_;
  std::unique_ptr<Scratch> scratch_;
};

Graph::Graph(const VectorStore& vectors, DistanceFunction distance, GraphOptions options)
    : vectors_(vectors),
      distance_(distance),
      link_distance_(options.link_distance == nullptr ? distance : options.link_distance),
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
  nodes_.fetch_add(1, std::memory_order_relaxed);
  link(slot);
  copies_.publish(slot);
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
  Scratch& scratch = *lease;
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

bool Graph::search(const float* query, const WalkOptions& options, const Tombstones& tombstones,
                   Cut cut, TopK* best) const {
  const EntryPoint entry = entry_point();
  if (entry.level < 0 || cut.slots == 0) return true;
  const ScratchLease lease(*this);
  Scratch& scratch = *lease;
  const NeighborKey start = descend(distance_, query, entry, 0);
  const auto live = [&tombstones, cut](Slot slot) { return tombstones.live_at(slot, cut); };
  // Of a chain whose copies died, the dead are looked at too, up to the bound: then the walk ends.
  const auto accept = [&](Slot node) {
    return live(node) || copies_.any(node, [&](Slot copy) {
      return ++scratch.evaluations > options.evaluations_max || live(copy);
    });
  };
  if (!walk(distance_, query, start, 0, options, kQuerySalt, accept, scratch)) return false;
  std::ranges::sort(scratch.best);
  for (const NeighborKey key : scratch.best) {
    const float distance = distance_of(key);
    if (!best->takes(distance)) break;
    const Slot node = salted_slot(key, kQuerySalt);
    if (live(node)) best->offer(distance, node);
    copies_.any(node, [&](Slot copy) {
      if (live(copy)) best->offer(distance, copy);
      return ++scratch.evaluations > options.evaluations_max;
    });
    if (scratch.evaluations > options.evaluations_max) return false;
  }
  return true;
}

// Fills scratch.neighbors[l], as plain keys, for the levels that exist already, top down, each
// level's nearest leading into the next.
void Graph::find_neighbors(Slot slot, int level, EntryPoint entry, Scratch& scratch) const {
  const float* query = vectors_.row(slot);
  const uint32_t salt = salt_of(slot);
  // A node that is linked anew may be met, but is not its own neighbour.
  const auto accept = [slot](Slot other) { return other != slot; };
  NeighborKey nearest = descend(link_distance_, query, entry, level);
  for (int l = std::min(level, entry.level); l >= 0; --l) {
    walk(link_distance_, query, nearest, l, {.ef = options_.ef_construction}, salt, accept,
         scratch);
    std::vector<NeighborKey>& neighbors = scratch.neighbors[l];
    neighbors = scratch.best;
    std::ranges::sort(neighbors);
    select_diverse(neighbors, options_.m, salt);
    for (NeighborKey& key : neighbors) key = neighbor_key(distance_of(key), salted_slot(key, salt));
    if (!neighbors.empty()) nearest = neighbors.front();
  }
}

// Adds the link `from` -> `to`, which is so far away. A full list is chosen anew from itself and
// the newcomer.
void Graph::link_back(Slot from, Neighbor to, int level, Scratch& scratch) {
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
  const float* row = vectors_.row(from);
  for (uint32_t i = 0; i < count; ++i) {
    if (i + 1 < count) prefetch_row(load_word(words + i + 1) - 1);
    const Slot slot = load_word(words + i) - 1;
    candidates.push_back(salted_key(link_distance(row, slot), slot, salt));
  }
  std::ranges::sort(candidates);
  select_diverse(candidates, words_max, salt);
  for (uint32_t i = 0; i < words_max; ++i) {
    store_word(words + i, i < candidates.size() ? salted_slot(candidates[i], salt) + 1 : 0);
  }
}

// Algorithm 4 of the paper, without its extensions: a candidate stays unless one that stayed is
// nearer to it than the base is. `candidates` is sorted; so is what is left of it. As in hnswlib, a
// short list is left alone.
void Graph::select_diverse(std::vector<NeighborKey>& candidates, size_t keep_max,
                           uint32_t salt) const {
  if (candidates.size() < keep_max) return;
  size_t kept = 0;
  for (size_t i = 0; i < candidates.size() && kept < keep_max; ++i) {
    const NeighborKey candidate = candidates[i];
    const float* row = vectors_.row(salted_slot(candidate, salt));
    const float limit = distance_of(candidate);
    const auto shadows = [&](NeighborKey other) {
      return link_distance(row, salted_slot(other, salt)) < limit;
    };
    const auto kept_end = candidates.begin() + static_cast<ptrdiff_t>(kept);
    if (std::none_of(candidates.begin(), kept_end, shadows)) candidates[kept++] = candidate;
  }
  candidates.resize(kept);
}

// Algorithm 2 with ef = 1 on the levels above `level_end`: the local minimum of each is the next
// one's start.
NeighborKey Graph::descend(DistanceFunction distance, const float* query, EntryPoint entry,
                           int level_end) const {
  const auto key_of = [&](Slot slot) {
    return neighbor_key(distance(query, vectors_.row(slot), vectors_.dimension()), slot);
  };
  NeighborKey nearest = key_of(entry.slot);
  for (int level = entry.level; level > level_end; --level) {
    for (bool moved = true; moved;) {
      moved = false;
      const Word* words = list(slot_of(nearest), level);
      for (uint32_t i = 0; i < list_words(level); ++i) {
        const Word word = load_word(words + i);
        if (word == 0) break;
        const NeighborKey key = key_of(word - 1);
        if (key >= nearest) continue;
        nearest = key;
        moved = true;
      }
    }
  }
  return nearest;
}

// Algorithm 2: expands the nearest unexpanded node until that lies beyond the ef best. Only
// accepted nodes count as best; the others only lead on. On a plateau of equal distances it goes on
// through as many more nodes as it may keep, for the ef best of equals are not all that there is.
// The outcome is in scratch.best. Returns false when it gave up at its bound of evaluations.
template <typename Accept>
bool Graph::walk(DistanceFunction distance, const float* query, NeighborKey entry, int level,
                 WalkOptions bounds, uint32_t salt, const Accept& accept, Scratch& scratch) const {
  scratch.begin_walk(salt);
  const Slot first = slot_of(entry);
  *scratch.make_room(1) = first;
  ++scratch.touched_count;
  scratch.visited_word(first) |= uint64_t{1} << first % 64;
  const NeighborKey first_key = salted_key(distance_of(entry), first, salt);
  push_min(scratch.frontier, first_key);
  if (accept(first)) push_max(scratch.best, first_key);
  size_t equals_left = bounds.ef;
  while (!scratch.frontier.empty()) {
    const NeighborKey nearest = pop_min(scratch.frontier);
    const bool full_before = scratch.best.size() == bounds.ef;
    if (full_before && farther(nearest, scratch.best.front())) break;
    const std::span<const Slot> fresh = read_unvisited(salted_slot(nearest, salt), level, scratch);
    scratch.evaluations += fresh.size();
    if (scratch.evaluations > bounds.evaluations_max) return false;
    for (size_t i = 0; i < fresh.size(); ++i) {
      if (i + 1 < fresh.size()) prefetch_row(fresh[i + 1]);
      const float far = distance(query, vectors_.row(fresh[i]), vectors_.dimension());
      const NeighborKey key = salted_key(far, fresh[i], salt);
      const bool full = scratch.best.size() == bounds.ef;
      if (full && key > scratch.best.front()) {
        if (farther(key, scratch.best.front()) || equals_left == 0) continue;
        --equals_left;
        push_min(scratch.frontier, key);
        continue;
      }
      push_min(scratch.frontier, key);
      if (!accept(fresh[i])) continue;
      if (scratch.evaluations > bounds.evaluations_max) return false;
      if (full) {
        replace_max(scratch.best, key);
      } else {
        push_max(scratch.best, key);
      }
    }
  }
  return true;
}

// The neighbours of `slot` that the walk had not visited; they are visited now. Their rows are on
// their way to the cache: all where they are short, else the first. The span lives until the next
// call.
std::span<const Slot> Graph::read_unvisited(Slot slot, int level, Scratch& scratch) const {
  const Word* words = list(slot, level);
  const uint32_t words_max = list_words(level);
  Slot* const fresh = scratch.make_room(words_max);
  const bool all_rows = vectors_.row_bytes() <= kPrefetchAllRowBytesMax;
  size_t count = 0;
  for (uint32_t i = 0; i < words_max; ++i) {
    const Word word = load_word(words + i);
    if (word == 0) break;
    const Slot neighbor = word - 1;
    uint64_t& visited = scratch.visited_word(neighbor);
    const uint64_t bit = uint64_t{1} << neighbor % 64;
    if ((visited & bit) != 0) continue;
    visited |= bit;
    fresh[count++] = neighbor;
    if (all_rows || count == 1) prefetch_row(neighbor);
  }
  scratch.touched_count += count;
  return {fresh, count};
}

Graph::Word* Graph::list(Slot slot, int level) const {
  if (level == 0) return level0_.mutable_element(slot);
  Word* words = std::atomic_ref(*upper_.mutable_element(slot)).load(std::memory_order_acquire);
  return words == nullptr ? nullptr : words + static_cast<size_t>(level - 1) * options_.m;
}

float Graph::link_distance(const float* row, Slot slot) const {
  return link_distance_(row, vectors_.row(slot), vectors_.dimension());
}

void Graph::prefetch_row(Slot slot) const {
  const auto* bytes = reinterpret_cast<const char*>(vectors_.row(slot));
  const size_t size = std::min<size_t>(vectors_.row_bytes(), kPrefetchBytesMax);
  for (size_t offset = 0; offset < size; offset += kCacheLineBytes)
    __builtin_prefetch(bytes + offset);
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

std::vector<Slot> Graph::near(Slot slot, size_t ef, uint64_t* evaluations) const {
  const ScratchLease lease(*this);
  Scratch& scratch = *lease;
  const float* row = vectors_.row(slot);
  const uint32_t salt = salt_of(slot);
  const auto accept = [slot](Slot other) { return other != slot; };
  walk(link_distance_, row, descend(link_distance_, row, entry_point(), 0), 0, {.ef = ef}, salt,
       accept, scratch);
  *evaluations += scratch.evaluations;
  std::ranges::sort(scratch.best);
  std::vector<Slot> slots;
  for (const NeighborKey key : scratch.best) slots.push_back(salted_slot(key, salt));
  return slots;
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
