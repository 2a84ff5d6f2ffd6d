// Scorer: how far rows are from one query, to which it is bound.
//
// Walks, links and scans know rows by slot and ask a Scorer for distances; what form the rows have,
// and by which kernel they are compared, it alone knows. It is a template parameter, so a call
// costs what its kernel costs. Owned by one search, or by one slot's linking; the rows outlive it.
#pragma once

#include <concepts>

#include "core/index/distance.h"
#include "core/index/neighbor.h"
#include "core/index/vector_store.h"

namespace vectron::index {

template <typename S>
concept Scorer = requires(const S& scorer, Slot slot) {
  /// From the query to a slot.
  { scorer.to(slot) } -> std::same_as<float>;
  /// The same scorer with the row of a slot as its query: distances between slots.
  { scorer.from(slot) } -> std::same_as<S>;
  /// Sends for the slot's row, which is to be compared soon.
  { scorer.prefetch(slot) };
  /// Whether all rows that a list of links names are sent for at once, or one ahead.
  { scorer.prefetches_lists() } -> std::same_as<bool>;
  /// The rows, for those who go through all of them (core/index/exact_scan.h).
  { scorer.to_row(scorer.rows().row(slot)) } -> std::same_as<float>;
};

/// Of float32 rows, by a kernel of core/index/distance.h.
class Float32Scorer {
 public:
  /// `query` has as many elements as the rows and outlives this.
  Float32Scorer(const VectorStore& rows, DistanceFunction distance, const float* query)
      : rows_(&rows), distance_(distance), query_(query), dimension_(rows.dimension()) {}
  /// The query is the row of `slot`.
  Float32Scorer(const VectorStore& rows, DistanceFunction distance, Slot slot)
      : Float32Scorer(rows, distance, rows.row(slot)) {}

  float to(Slot slot) const { return to_row(rows_->row(slot)); }
  float to_row(const float* row) const { return distance_(query_, row, dimension_); }
  Float32Scorer from(Slot slot) const { return {*rows_, distance_, slot}; }
  const VectorStore& rows() const { return *rows_; }

  void prefetch(Slot slot) const { rows_->prefetch(slot); }
  /// Longer rows of one list would push one another out of the cache.
  bool prefetches_lists() const { return rows_->row_bytes() <= kPrefetchListRowBytesMax; }

 private:
  static constexpr uint64_t kPrefetchListRowBytesMax = 256;

  const VectorStore* rows_;
  DistanceFunction distance_;
  const float* query_;
  size_t dimension_;
};
static_assert(Scorer<Float32Scorer>);

}  // namespace vectron::index
