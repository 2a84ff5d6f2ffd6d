#include "services/worker/memory_budget.h"

#include <algorithm>

namespace vectron {

MemoryUse& MemoryUse::operator+=(const MemoryUse& other) {
  log += other.log;
  overlay += other.overlay;
  snapshot += other.snapshot;
  vectors += other.vectors;
  links += other.links;
  points += other.points;
  rebuild += other.rebuild;
  requests += other.requests;
  return *this;
}

uint64_t MemoryBudget::wanted() const {
  const uint64_t rebuild_left = largest_index_bytes_ - std::min(largest_index_bytes_, use_.rebuild);
  return held() + rebuild_left;
}

void MemoryBudget::count(const MemoryUse& use, uint64_t largest_index_bytes) {
  use_ = use;
  largest_index_bytes_ = largest_index_bytes;
  admitted_before_ = std::exchange(admitted_, 0);
  const uint64_t limit = full_ ? bytes_max_ - bytes_max_ / 16 : bytes_max_;
  full_ = bytes_max_ != 0 && wanted() > limit;
}

bool MemoryBudget::admit(uint64_t bytes) {
  if (bytes_max_ == 0) return true;
  if (full_ || wanted() + bytes > bytes_max_) return false;
  admitted_ += bytes;
  return true;
}

void MemoryBudget::tell(Metrics* metrics) const {
  metrics->set(Metric::worker_memory_max, bytes_max_);
  metrics->set(Metric::worker_memory_log, use_.log);
  metrics->set(Metric::worker_memory_overlay, use_.overlay);
  metrics->set(Metric::worker_memory_snapshot, use_.snapshot);
  metrics->set(Metric::worker_memory_vectors, use_.vectors);
  metrics->set(Metric::worker_memory_links, use_.links);
  metrics->set(Metric::worker_memory_points, use_.points);
  metrics->set(Metric::worker_memory_rebuild, use_.rebuild);
  metrics->set(Metric::worker_memory_requests, use_.requests);
}

}  // namespace vectron
