// What an oracle says when something is wrong, and the list that collects it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/base/time.h"

namespace vectron::sim {

/// One broken promise. `oracle` and `kind` are the failure's class: a shrunk plan must break the
/// same promise in the same way.
struct Violation {
  std::string oracle;
  Instant at{};
  std::string text;
  /// Which of the oracle's objections; empty where it has but one.
  std::string kind;
};

/// Collects violations; keeps the first kViolationsMax and counts the rest.
class ViolationLog {
 public:
  static constexpr size_t kViolationsMax = 50;

  void add(std::string_view oracle, Instant at, std::string text, std::string_view kind = {}) {
    Violation violation{std::string(oracle), at, std::move(text), std::string(kind)};
    if (counts_ != nullptr && !counts_(violation)) return;
    ++count_;
    if (kept_.size() >= kViolationsMax) return;
    kept_.push_back(std::move(violation));
  }
  /// From now on those alone count of which this is true.
  void count_only(bool (*counts)(const Violation&)) { counts_ = counts; }
  bool empty() const { return count_ == 0; }
  uint64_t count() const { return count_; }
  const std::vector<Violation>& kept() const { return kept_; }

 private:
  std::vector<Violation> kept_;
  uint64_t count_ = 0;
  bool (*counts_)(const Violation&) = nullptr;
};

struct OracleInfo {
  std::string_view name;
  std::string_view meaning;
};

/// All oracles by name, those of the explorer (crash, hang, determinism) included.
const std::vector<OracleInfo>& oracles();

namespace oracle {
inline constexpr std::string_view kLinearizability = "linearizability";
inline constexpr std::string_view kAcknowledgedWrites = "acknowledged_writes";
inline constexpr std::string_view kEventualReads = "eventual_reads";
inline constexpr std::string_view kReadFreshness = "read_freshness";
inline constexpr std::string_view kVersions = "versions";
inline constexpr std::string_view kRaftSafety = "raft_safety";
inline constexpr std::string_view kDurability = "durability";
inline constexpr std::string_view kConvergence = "convergence";
inline constexpr std::string_view kReplicaDigest = "replica_digest";
inline constexpr std::string_view kSearch = "search";
inline constexpr std::string_view kSearchRecall = "search_recall";
inline constexpr std::string_view kIndexCoverage = "index_coverage";
inline constexpr std::string_view kIndexReach = "index_reach";
inline constexpr std::string_view kRot = "rot";
inline constexpr std::string_view kAvailability = "availability";
inline constexpr std::string_view kCounts = "counts";
inline constexpr std::string_view kPlacement = "placement";
inline constexpr std::string_view kLives = "lives";
inline constexpr std::string_view kOrders = "orders";
inline constexpr std::string_view kRemoval = "removal";
inline constexpr std::string_view kExactlyOnce = "exactly_once";
inline constexpr std::string_view kContract = "contract";
inline constexpr std::string_view kOrderlyStop = "orderly_stop";
inline constexpr std::string_view kSnapshots = "snapshots";
inline constexpr std::string_view kBounds = "bounds";
inline constexpr std::string_view kFullDisk = "full_disk";
inline constexpr std::string_view kPeers = "peers";
inline constexpr std::string_view kLoop = "loop";
inline constexpr std::string_view kWorkload = "workload";
inline constexpr std::string_view kCrash = "crash";
inline constexpr std::string_view kHang = "hang";
inline constexpr std::string_view kDeterminism = "determinism";
}  // namespace oracle

}  // namespace vectron::sim
