// PointClient: what a simulated client can do, whatever stands behind it.
//
// Two kinds: ClusterClient over gateways (profiles cluster and loaded), RegisterClient over the
// nodes of one replica group (profile raft). Answers say Outcome, not status codes: the one place
// where codes become outcomes is here.
#pragma once

#include <vector>

#include "core/async/task.h"
#include "core/base/result.h"
#include "core/base/status.h"
#include "sim/history/history.h"

namespace vectron::sim {

struct UpsertItem {
  PointId id;
  ValueNumber value = kAbsent;
};

struct UpsertAnswer {
  struct Item {
    Outcome outcome = Outcome::unknown;
    Status status;
    uint64_t version = 0;
  };
  /// One for each item asked for, in their order.
  std::vector<Item> items;
  std::vector<ShardAt> tokens;
};

struct GetAnswer {
  Outcome outcome = Outcome::failed;
  Status status;
  /// kDamagedValue when vector and payload do not belong together.
  ValueNumber value = kAbsent;
  uint64_t version = 0;
  std::vector<ShardAt> tokens;
};

struct RemoveAnswer {
  Outcome outcome = Outcome::unknown;
  Status status;
  bool existed = false;
  uint64_t version = 0;
  std::vector<ShardAt> tokens;
};

struct SearchAnswer {
  Outcome outcome = Outcome::failed;
  Status status;
  std::vector<SearchHit> hits;
  std::vector<ShardAt> tokens;
  std::vector<uint64_t> missing_shards;
};

/// No upsert ever writes it.
inline constexpr ValueNumber kDamagedValue = UINT64_MAX;

class PointClient {
 public:
  virtual ~PointClient() = default;

  /// `collection`: position in the plan's workload. `request_id`: 0, or what makes repeating the
  /// write safe.
  virtual Task<UpsertAnswer> upsert(uint32_t collection, std::vector<UpsertItem> items,
                                    uint64_t request_id) = 0;
  virtual Task<GetAnswer> get(uint32_t collection, PointId id, bool linearizable) = 0;
  virtual Task<RemoveAnswer> remove(uint32_t collection, PointId id, uint64_t request_id) = 0;
  /// `question`: all but its answer is asked.
  virtual Task<SearchAnswer> search(uint32_t collection, SearchRecord question,
                                    bool linearizable) = 0;
};

/// What the failure of a write says of its effect.
inline Outcome write_outcome(const Status& status) {
  if (status.ok()) return Outcome::ok;
  return certainly_not_done(status.code()) ? Outcome::failed : Outcome::unknown;
}

}  // namespace vectron::sim
