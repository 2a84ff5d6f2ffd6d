// Commands that can be read and that no state machine can take: what a forger puts into log
// entries.
//
// Pure: drawn from a stream. Each is what its state machine expects but for one thing, so that only
// a check of that thing keeps it out of the log.
#pragma once

#include <span>

#include "core/base/bytes.h"
#include "core/base/random.h"
#include "schemas/storage_messages.h"
#include "sim/plan/plan.h"

namespace vectron::sim {

/// For any shard of any of the collections (at least one): a vector that is not finite, longer than
/// that of any, or there twice; one payload that several operations share, so that they write more
/// than one commit takes; and where no collection takes it a vector that is zero or whose distances
/// overflow, or points of several shards.
Bytes forged_shard_command(RandomStream* random, std::span<const PlanCollection> collections);

/// For the placement driver: a collection whose graph, shards or members nobody could make.
Bytes forged_placement_command(RandomStream* random);

/// The command with all its operations pointing at the payload of the first. Requires: `command`
/// encodes a ShardCommand whose operations all have a payload.
Bytes share_first_payload(Bytes command);

}  // namespace vectron::sim
