#include "services/daemon/machine_share.h"

#include <algorithm>

#include "net/process_limits.h"
#include "services/daemon/machine_memory.h"

namespace vectron {
namespace {

constexpr uint64_t kReplicaBytes = 512 << 10;  // Of memory, for a copy that is nearly empty.

}  // namespace

void share_machine(uint64_t workers, Settings* settings) {
  WorkerConfig& worker = settings->worker;
  if (worker.memory_bytes_max == 0) {
    worker.memory_bytes_max = worker_memory_bytes_default(machine_memory_bytes(), workers);
  }
  const uint64_t open = replicas_for(descriptors_max()) / std::max<uint64_t>(workers, 1);
  worker.replicas_open_max = std::max<uint64_t>(open, 1);
  const uint64_t wanted =
      worker.replicas_max == 0 ? worker.memory_bytes_max / kReplicaBytes : worker.replicas_max;
  worker.replicas_max = std::clamp<uint64_t>(wanted, 1, worker.replicas_open_max);
}

}  // namespace vectron
