// MachineMemory: how much memory this process may use, as the system says.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace vectron {

/// What a file like memory.max of a control group says; nothing for "max" and for anything else
/// that is no number.
std::optional<uint64_t> memory_limit_of(std::string_view text);

/// The machine's memory, or the limit of the container (cgroup v2, v1) when that is less. 0 when
/// the system does not say.
uint64_t machine_memory_bytes();

/// What one of `workers` workers of this machine may keep in memory when nobody says: three
/// quarters of it in all. The rest is for what is not counted: requests on their way, stacks,
/// fragments, and the page cache that reads of the store live on.
uint64_t worker_memory_bytes_default(uint64_t machine_bytes, uint64_t workers);

}  // namespace vectron
