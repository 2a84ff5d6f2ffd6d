#include "net/process_limits.h"

#include <signal.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>

namespace vectron {

namespace {

constexpr uint64_t kConnectionsMin = 16;
/// Connections at a time that are told that they cannot be kept.
constexpr uint64_t kToldMax = 16;
/// For what is opened for a moment.
constexpr uint64_t kSpareDescriptors = 16;
/// Of these, what goodbyes leave alone.
constexpr uint64_t kSpareForFiles = 8;
/// LMDB: the data twice, the lock file.
constexpr uint64_t kDescriptorsOfReplica = 3;
/// Logs, folders, the loop, standard streams.
constexpr uint64_t kDescriptorsOfProcess = 40;
constexpr uint64_t kDescriptorsUnlimited = 1 << 20;

// Of the process, as its descriptors are: it may have several loops.
std::atomic<uint64_t> closed_still = 0;
std::atomic<uint64_t> closed_fresh = 0;

}  // namespace

void raise_process_limits() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max;
    (void)::setrlimit(RLIMIT_NOFILE, &limit);  // Then it stays, and is shared out all the same.
  }
  struct sigaction ignore = {};
  ignore.sa_handler = SIG_IGN;
  ::sigemptyset(&ignore.sa_mask);
  (void)::sigaction(SIGXFSZ, &ignore, nullptr);
}

uint64_t descriptors_max() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return kDescriptorsUnlimited;
  return std::min<uint64_t>(limit.rlim_cur, kDescriptorsUnlimited);
}

bool may_keep_connection(uint64_t number, uint64_t connections, uint64_t descriptors_max) {
  if (number + kSpareDescriptors >= descriptors_max) return false;
  // By their count: files that were opened first have the lowest numbers.
  const uint64_t half = descriptors_max / 2;
  return connections < std::max(half - std::min(half, kToldMax), kConnectionsMin);
}

bool may_tell_connection(uint64_t number, uint64_t told, uint64_t descriptors_max) {
  return number + kSpareForFiles < descriptors_max && told < kToldMax;
}

ConnectionsClosed connections_closed() {
  return {closed_still.load(std::memory_order_relaxed),
          closed_fresh.load(std::memory_order_relaxed)};
}

void count_closed_still() {
  closed_still.fetch_add(1, std::memory_order_relaxed);
}

void count_closed_fresh() {
  closed_fresh.fetch_add(1, std::memory_order_relaxed);
}

uint64_t replicas_for(uint64_t descriptors_max) {
  const uint64_t for_files = descriptors_max / 2;
  const uint64_t left = for_files - std::min(for_files, kDescriptorsOfProcess);
  return std::max<uint64_t>(left / kDescriptorsOfReplica, 1);
}

}  // namespace vectron
