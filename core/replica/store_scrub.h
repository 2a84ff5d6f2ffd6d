// scrub_store: reads what a replica has stored over and over, slowly, so that rot is found while
// the other members still have what it struck.
#pragma once

#include "core/async/sync.h"
#include "core/env/env.h"
#include "core/kv/kv_store.h"
#include "core/replica/observer.h"
#include "core/replica/replica_config.h"

namespace vectron {

/// Goes on until damage was found (the store then says that it is damaged), or for ever. `turn`:
/// one replica of the node at a time reads. `env`, `store` and `turn` outlive the task.
Task<void> scrub_store(Env* env, KvStore* store, Semaphore* turn, ReplicaConfig config,
                       ReplicaName name);

}  // namespace vectron
