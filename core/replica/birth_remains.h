// What a birth that a crash cut short leaves in a replica's folder, told from what may be data.
//
// A birth makes the store, then the manifest, then the record in the write-ahead log. So a folder
// that the log does not name holds at most an empty first generation and a manifest. Whatever else
// lies there was not left by a birth, and nobody but a person may remove it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/base/ids.h"
#include "core/env/env.h"
#include "core/kv/kv_config.h"

namespace vectron {

inline constexpr std::string_view kReplicaManifest = "replica.manifest";
/// What the manifest is called from the moment on at which the removal of the replica began: what
/// lies beside it may be gone in part, and is missed by nobody.
inline constexpr std::string_view kRemovedManifest = "replica.removed";
inline constexpr std::string_view kGenerationPrefix = "generation-";

/// The replica whose folder has this name; none for a name that we never give.
std::optional<ReplicaId> replica_of_folder(std::string_view name);

/// Why the replica's folder is more than a birth leaves that was cut short; none when it is no more
/// than that. In doubt it is more: what cannot be read may be data.
Task<std::optional<std::string>> more_than_birth(Env* env, std::string folder, KvConfig config);

}  // namespace vectron
