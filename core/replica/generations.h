// The folders of a replica's stores: `generation-<n>` in the replica's folder.
//
// One of them is named by the log. A snapshot fills the next one; whatever else lies there was left
// by a crash. docs/internals/replica.md.
#pragma once

#include <memory>
#include <string>

#include "core/env/env.h"
#include "core/kv/kv_store.h"

namespace vectron {

std::string generation_folder(const std::string& replica_folder, uint64_t generation);

/// Closes `store`, which may be null, and removes its folder. One that cannot be removed goes at
/// the next start.
Task<void> remove_store(Env* env, std::unique_ptr<KvStore> store, std::string folder);

/// Removes what a crash left of a snapshot that was not complete, or that had replaced an older
/// state. Only once the state of `generation` is known to be whole: until then another one may be
/// all that is left. Errors: of the disk.
Task<Result<void>> remove_other_generations(Env* env, std::string replica_folder,
                                            uint64_t generation);

}  // namespace vectron
