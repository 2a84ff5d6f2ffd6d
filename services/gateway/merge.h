// Merging the answers of a collection's shards into one. Pure.
#pragma once

#include <vector>

#include "schemas/worker_messages.h"

namespace vectron::gateway {

/// The `k` best of all hits, best first: smaller internal distance, then smaller id (numbers before
/// texts). Each list is sorted so already, as workers answer. Internal distances are smaller for
/// better points under every kind of distance, so one order serves all; scores are made from them
/// afterwards (core/model/score.h). O(k log lists).
std::vector<wire::ShardHit> merge_hits(std::vector<std::vector<wire::ShardHit>> lists, size_t k);

/// Whether `left` comes before `right` in an answer.
bool comes_before(const wire::ShardHit& left, const wire::ShardHit& right);

}  // namespace vectron::gateway
