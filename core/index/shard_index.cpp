#include "core/index/shard_index.h"

#include <algorithm>
#include <utility>

#include "core/base/assert.h"
#include "core/base/need.h"
#include "core/index/exact_scan.h"
#include "core/index/flush_denormals.h"
#include "core/index/graph_walk.h"

namespace vectron::index {

namespace {

// Distance evaluations as counted on 20,000 x 784 grey values, for cost estimates only: a walk
// takes a start and some for each candidate that it keeps; linking takes besides some for each list
// that is chosen anew.
constexpr uint64_t kEvaluationsToStart = 100;
constexpr uint64_t kEvaluationsPerCandidate = 6;
constexpr uint64_t kEvaluationsPerLink = 12;

// No walk compares more than what there is.
uint64_t walk_evaluations(uint64_t nodes, uint64_t ef) {
  return std::min(nodes, kEvaluationsToStart + ef * kEvaluationsPerCandidate);
}

// Under dot, greedy walks over nearest neighbours (by L2) find the largest inner products where the
// dimension is low, for every point but the best then has a neighbour that is better. In higher
// dimensions a list is too short for that, and neighbours by inner product do better (Morozov,
// Babenko: "Non-metric similarity graphs for maximum inner product search", 2018).
// docs/decisions/0039-links-under-dot.md has the figures.
constexpr uint32_t kDotLinkedByL2DimensionMax = 4;

// Vectors of length 1 are ordered alike by L2 and by cosine, but near copies have a cosine of 1
// that differs by its rounding alone. Lists that are chosen by it hold arbitrary ones of a group,
// none of which shadows another, and the ways into the group are lost. L2 tells them apart.
Metric link_metric(const ShardIndexOptions& options) {
  if (options.metric != Metric::dot) return Metric::euclidean;
  return options.dimension <= kDotLinkedByL2DimensionMax ? Metric::euclidean : Metric::dot;
}

GraphOptions graph_options(const ShardIndexOptions& options) {
  return {.m = options.m, .ef_construction = options.ef_construction};
}

}  // namespace

bool ShardIndex::leads_everywhere() const {
  return link_metric(options_) != Metric::dot;
}

Result<void> ShardIndexOptions::validate() const {
  VECTRON_CHECK_OK(need_between(dimension, 1, kDimensionMax, "dimension"));
  VECTRON_CHECK_OK(need_between(m, 2, 256, "m"));
  return need_between(ef_construction, 1, 4'096, "ef_construction");
}

ShardIndex::ShardIndex(ShardIndexOptions options)
    : options_(options),
      distance_(distance_function(options.metric)),
      vectors_(options.dimension),
      graph_(vectors_, distance_function(link_metric(options)), graph_options(options)) {
  VECTRON_ASSERT(options.validate().has_value());
}

Slot ShardIndex::append(std::span<const float> vector) {
  // Tombstones first: whoever sees the vector may ask whether it is live.
  tombstones_.append(vectors_.count());
  return vectors_.append(vector, row_form());
}

Slot ShardIndex::append_stored(std::span<const float> row) {
  tombstones_.append(vectors_.count());
  return vectors_.append(row);
}

void ShardIndex::remove(Slot slot) {
  VECTRON_ASSERT(slot < vectors_.count(), "slot {} was never appended", slot);
  tombstones_.remove(slot);
}

Cut ShardIndex::cut() const {
  return {.slots = vectors_.count(), .removals = tombstones_.count()};
}

std::vector<Hit> ShardIndex::search(Cut cut, std::span<const float> query,
                                    SearchOptions options) const {
  return *try_search(cut, query, options, UINT64_MAX);
}

std::optional<std::vector<Hit>> ShardIndex::try_search(Cut cut, std::span<const float> query,
                                                       SearchOptions options,
                                                       uint64_t evaluations_max) const {
  VECTRON_ASSERT(query.size() == options_.dimension, "{} elements, not {}", query.size(),
                 options_.dimension);
  VECTRON_ASSERT(options.k >= 1 && options.k <= kHitsMax && options.ef <= kEfMax);
  VECTRON_ASSERT(cut.slots <= vectors_.count() && cut.removals <= cut.slots);
  std::vector<float> normalized;
  const float* target = query.data();
  if (options_.metric == Metric::cosine) {
    normalized.assign(query.begin(), query.end());
    normalize(normalized);
    target = normalized.data();
  }
  const FlushDenormals flush;

  // What is done now is searched in the graph and all else scanned, whatever index_some() does
  // meanwhile: a slot beyond `graph_end` that it links in the middle of this is refused by the
  // walk, so it cannot come twice.
  const Slot graph_end = std::min(indexed(), cut.slots);
  TopK best(options.k, options.ties);
  SearchCost unasked;
  SearchCost& spent = options.spent != nullptr ? *options.spent : unasked;
  const Float32Scorer scorer(vectors_, distance_, target);
  if (!options.exact && graph_end > 0) {
    const LiveAt accept(tombstones_, {.slots = graph_end, .removals = cut.removals});
    const Graph::WalkOptions walk{.ef = std::max(options.k, options.ef),
                                  .evaluations_max = evaluations_max,
                                  .evaluations = &spent.walked};
    if (!graph_.search(scorer, walk, accept, &best)) return std::nullopt;
  }
  const LiveAt accept(tombstones_, cut);
  const Slot scan_begin = options.exact ? 0 : graph_end;
  if (cut.slots - scan_begin > evaluations_max) return std::nullopt;
  if (!options.planted_skip_tail || options.exact) {
    exact_scan(scorer, scan_begin, cut.slots, accept, &best);
    spent.scanned += cut.slots - scan_begin;
  }
  if (best.size() < std::min<uint64_t>(options.k, cut.live())) {
    // The graph did not lead to k live points (a lone part of it): compare the rest too.
    if (cut.slots > evaluations_max) return std::nullopt;
    best.take();
    exact_scan(scorer, 0, cut.slots, accept, &best);
    spent.scanned += cut.slots;
  }

  std::vector<Hit> hits;
  hits.reserve(best.size());
  for (const NeighborKey key : best.take()) {
    hits.push_back({.slot = slot_of(key),
                    .distance = distance_of(key),
                    .from_tail = slot_of(key) >= graph_end});
  }
  return hits;
}

uint32_t ShardIndex::index_some(uint32_t slots_max) {
  const Range range = claim(slots_max);
  if (range.begin == range.end) return 0;
  const FlushDenormals flush;
  for (Slot slot = range.begin; slot < range.end; ++slot) {
    // A slot that died before its turn needs no links; a search at an older cut still finds it by a
    // scan.
    if (tombstones_.live_now(slot)) graph_.add(slot);
  }
  finish(range);
  return range.end - range.begin;
}

void ShardIndex::export_links(Slot begin, Slot end, Slot slot_end, Bytes* out) const {
  VECTRON_ASSERT(begin <= end && end <= graph_end() && end <= slot_end, "[{}, {})", begin, end);
  for (Slot slot = begin; slot < end; ++slot) graph_.export_node(slot, slot_end, out);
}

ShardIndex::Range ShardIndex::claim(uint32_t slots_max) {
  const std::scoped_lock lock(claims_mutex_);
  const Slot begin = claimed_;
  if (wants_graph(indexed(), vectors_.count())) {
    claimed_ += std::min(slots_max, vectors_.count() - begin);
  }
  return {begin, claimed_};
}

void ShardIndex::finish(Range range) {
  const std::scoped_lock lock(claims_mutex_);
  const auto place = std::ranges::upper_bound(finished_, range.begin, {}, &Range::begin);
  finished_.insert(place, range);
  Slot indexed = indexed_.load(std::memory_order_relaxed);
  auto rest = finished_.begin();
  for (; rest != finished_.end() && rest->begin == indexed; ++rest) indexed = rest->end;
  finished_.erase(finished_.begin(), rest);
  indexed_.store(indexed, std::memory_order_release);
}

ShardIndexStats ShardIndex::stats() const {
  // Read in this order, so that no difference below can be negative while others append and index.
  const Slot indexed = this->indexed();
  const uint32_t removals = tombstones_.count();
  const Slot slots = vectors_.count();
  return {
      .slots = slots,
      .live = slots - removals,
      .tombstones = removals,
      .indexed = indexed,
      .tail = slots - indexed,
      .vector_bytes = slots * vectors_.row_bytes(),
      .graph_bytes = graph_.bytes() + tombstones_.bytes(slots),
  };
}

uint64_t ShardIndex::waiting_slots() const {
  const Slot done = indexed();
  const Slot slots = vectors_.count();
  return wants_graph(done, slots) ? slots - done : 0;
}

uint64_t ShardIndex::unclaimed_slots() const {
  const std::scoped_lock lock(claims_mutex_);
  const Slot slots = vectors_.count();
  return wants_graph(indexed(), slots) ? slots - claimed_ : 0;
}

SearchCost ShardIndex::search_cost(Cut cut, SearchOptions options) const {
  if (options.exact) return {.scanned = cut.slots};
  const uint64_t graph_end = std::min(indexed(), cut.slots);
  return {.walked = walk_evaluations(graph_end, std::max(options.k, options.ef)),
          .scanned = cut.slots - graph_end};
}

SearchCost ShardIndex::search_cost_max(Cut cut, SearchOptions options) const {
  SearchCost cost = search_cost(cut, options);
  if (options.exact) return cost;
  const uint64_t graph_end = std::min(indexed(), cut.slots);
  // A walk crosses what is dead at most once, and may find too little all the same.
  cost.walked = std::min(graph_end, cost.walked + cut.removals);
  cost.scanned += cut.slots;
  return cost;
}

uint64_t ShardIndex::index_cost(uint32_t slots) const {
  const uint64_t nodes = indexed();
  const uint64_t relink = std::min<uint64_t>(nodes, options_.m * kEvaluationsPerLink);
  return slots * (walk_evaluations(nodes, options_.ef_construction) + relink) * options_.dimension;
}

}  // namespace vectron::index
