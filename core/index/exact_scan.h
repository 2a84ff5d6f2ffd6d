// Comparing rows one after the other: the flat tail, and searches that are to be exact.
#pragma once

#include <algorithm>

#include "core/index/accept.h"
#include "core/index/scorer.h"
#include "core/index/top_k.h"

namespace vectron::index {

/// Offers `best` the slots [begin, end) that `accept` lets through.
template <Scorer S, Accept A>
void exact_scan(const S& scorer, Slot begin, Slot end, const A& accept, TopK* best) {
  const auto& rows = scorer.rows();
  while (begin < end) {
    const Slot run_end = begin + std::min(end - begin, rows.run_length(begin));
    const auto* row = rows.row(begin);
    for (; begin < run_end; ++begin, row += rows.row_elements()) {
      if (accept(begin)) best->offer(scorer.to_row(row), begin);
    }
  }
}

}  // namespace vectron::index
