// Minimizing what makes something fail, over an abstract predicate: the core of the shrinker.
//
// Pure: it knows neither plans nor runs. Candidates are handed over in batches, best first, so that
// the caller may try several at once; only the first one that fails counts, so the result does not
// depend on how many it tried.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

namespace vectron::sim {

/// Positions of the things that a candidate keeps, ascending.
using Subset = std::vector<size_t>;

/// The position of the first candidate that still fails; nothing when none does (or when no more
/// may be tried).
using FirstFailingSubset = std::function<std::optional<size_t>(const std::vector<Subset>&)>;
using FirstFailingNumber = std::function<std::optional<size_t>(const std::vector<uint64_t>&)>;

/// A subset of [0, count) that fails and of which no single thing can be left out: ddmin (Zeller
/// and Hildebrandt 2002, "Simplifying and isolating failure-inducing input", section 3.2), begun
/// with the empty set. Requires: everything together fails. O(count^2) candidates at worst, O(log
/// count) when one thing is to blame.
Subset minimal_failing_subset(size_t count, const FirstFailingSubset& first_failing);

/// A number of [low, high] that fails, by bisection; the least one where all above a failing one
/// fail. Requires: low <= high, and `high` fails.
uint64_t minimal_failing_number(uint64_t low, uint64_t high,
                                const FirstFailingNumber& first_failing);

}  // namespace vectron::sim
