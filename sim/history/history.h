// What the clients of a simulated run asked and were told: the one input of the client-side
// oracles.
//
// Owned by the simulated cluster (sim/cluster), which records into it; the oracles (sim/oracle)
// only read. A request for several points is one Operation for each point. Real-time order is the
// order of `invoke_order` and `return_order`, one counter over the whole run: simulated times may
// tie, these never do.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/base/status.h"
#include "core/base/time.h"
#include "core/model/point_id.h"

namespace vectron::sim {

enum class OperationKind : uint8_t { upsert, get, remove, search };

enum class Outcome : uint8_t {
  /// Not answered yet; at the end of a run the same as unknown.
  pending,
  /// Done, with an answer.
  ok,
  /// Certainly not done (or a read, which never does anything).
  failed,
  /// A write that may or may not have happened, at any time after it was invoked.
  unknown,
};

std::string_view operation_kind_name(OperationKind kind);
std::string_view outcome_name(Outcome outcome);

/// The number of a value: each upserted point of a run has one of its own, from which its vector
/// and its payload follow. 0 is "no such point".
using ValueNumber = uint64_t;
inline constexpr ValueNumber kAbsent = 0;

/// The log index at which a shard answered.
struct ShardAt {
  uint64_t shard_id = 0;
  uint64_t applied_index = 0;
  /// search: what later entries wrote was compared exactly.
  uint64_t linked_index = UINT64_MAX;
  bool operator==(const ShardAt&) const = default;
};

struct SearchHit {
  PointId id;
  float score = 0;
  uint64_t version = 0;
  /// As its payload says; kAbsent where payloads were not asked for.
  ValueNumber value = kAbsent;
};

/// The question and answer of a search.
struct SearchRecord {
  std::vector<float> query;
  uint32_t k = 0;
  bool exact = false;
  /// Whether shards may be missing.
  bool allow_partial = false;
  /// How long the shards may take; 0 for no bound of its own.
  uint32_t timeout_ms = 0;
  /// Whether hits were to carry payloads, and so their values.
  bool with_payload = true;
  std::vector<SearchHit> hits;
  std::vector<uint64_t> missing_shards;
};

struct Operation {
  /// Operations of one request share it.
  uint64_t request = 0;
  uint32_t client = 0;
  OperationKind kind = OperationKind::get;
  /// Reads only: false for eventual ones.
  bool linearizable = true;
  /// Belongs to the last reading of everything.
  bool final_read = false;
  /// Position in the plan's workload.
  uint32_t collection = 0;
  /// Not for search.
  PointId point;
  /// upsert: the value written. get: the value found. remove and search: kAbsent.
  ValueNumber value = kAbsent;
  /// remove: whether the point existed before.
  bool existed = false;
  /// upsert and get: the log index that wrote the point; 0 when absent.
  uint64_t version = 0;

  uint64_t invoke_order = 0;
  /// 0 while pending.
  uint64_t return_order = 0;
  Instant invoked{};
  Instant returned{};
  Outcome outcome = Outcome::pending;
  /// Why it did not succeed.
  Status status;
  std::vector<ShardAt> tokens;
  std::shared_ptr<SearchRecord> search;
};

/// See the top of this file.
class History {
 public:
  /// Records that `operation` begins now; returns its position.
  size_t begin(Operation operation, Instant now);
  /// Records the end of the operation at `position` with what the caller filled in through at().
  void end(size_t position, Outcome outcome, Instant now);

  /// Adds an operation as it is, with its orders.
  void add(Operation operation) { operations_.push_back(std::move(operation)); }
  /// The next place in real-time order, for what happens beside operations.
  uint64_t next_order() { return ++order_; }

  Operation& at(size_t position) { return operations_[position]; }
  const std::vector<Operation>& operations() const { return operations_; }
  size_t size() const { return operations_.size(); }

  /// Operations that ended so.
  uint64_t count(Outcome outcome) const;
  /// Operations of `kind` that ended so.
  uint64_t count(OperationKind kind, Outcome outcome) const;

  /// One line of JSON for each operation, in the order of their beginnings.
  std::string to_json_lines() const;

 private:
  std::vector<Operation> operations_;
  uint64_t order_ = 0;
};

}  // namespace vectron::sim
