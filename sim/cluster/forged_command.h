// Commands that can be read and that no state machine can take: what a forger puts into log
// entries.
//
// Pure: drawn from a stream. Each is what its state machine expects but for one thing, so that only
// a check of that thing keeps it out of the log.
#pragma once

#include "core/base/bytes.h"
#include "core/base/random.h"
#include "schemas/storage_messages.h"
#include "sim/plan/plan.h"

namespace vectron::sim {

/// For a shard of the collection: a vector that is zero, not finite or of another dimension, or too
/// many of them; a point of another shard (of those with more than one); or one payload that
/// several operations share, so that they write more than one commit takes.
Bytes forged_shard_command(RandomStream* random, const PlanCollection& collection);

/// For the placement driver: a collection whose graph, shards or members nobody could make.
Bytes forged_placement_command(RandomStream* random);

/// The command with all its operations pointing at the payload of the first. Requires: `command`
/// encodes a ShardCommand whose operations all have a payload.
Bytes share_first_payload(Bytes command);

}  // namespace vectron::sim
