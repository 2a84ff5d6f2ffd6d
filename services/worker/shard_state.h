// ShardState: the state machine of a shard: points in the store, vectors in the index.
//
// Owned by the shard's Replica, touched on the worker's event loop. The store holds the truth
// (points by key); what is here in memory (the index, and which slot is which point) is built from
// it at load and kept up by apply. Slots are this replica's own affair: they are never stored, and
// two replicas may number them differently.
#pragma once

#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "core/async/sync.h"
#include "core/env/env.h"
#include "core/index/shard_index.h"
#include "core/model/collection.h"
#include "core/model/point_id.h"
#include "core/model/shard_map.h"
#include "core/replica/overlay.h"
#include "core/replica/state_machine.h"
#include "schemas/storage_messages.h"
#include "services/worker/request_memory.h"

namespace vectron {

/// What a shard is.
struct ShardOptions {
  ShardId shard;
  HashRange range;
  uint32_t dimension = 0;
  Distance distance = Distance::cosine;
  IndexOptions index;
};
ShardOptions shard_options_of(const wire::ShardOptions& options);

/// What apply() answers the proposer of a command.
struct ShardAnswer {
  /// Why it changed nothing.
  enum class Refusal : uint8_t {
    none,
    other_command,  ///< Its request id belongs to another command.
    memory_full,    ///< A request id that may still be repeated would have to be forgotten.
  };
  Refusal refused = Refusal::none;
  LogIndex index;  ///< Of the entry that took effect: for a repetition, that of the first one.
  Bytes existed;   ///< For each operation, 1 when the point existed before it.
};
Bytes encode_shard_answer(const ShardAnswer& answer);
/// Errors: internal.
Result<ShardAnswer> decode_shard_answer(ByteView bytes);

/// What a search needs, kept alive by whoever searches: a snapshot install makes a new one.
struct ShardContent {
  explicit ShardContent(const index::ShardIndexOptions& options) : index(options) {}

  /// Which point a slot is. The row of a slot never changes.
  struct Row {
    PointId id;
    uint64_t version = 0;
  };
  index::ShardIndex index;
  std::vector<Row> rows;  ///< By slot. Event loop only.
};

class ShardState final : public StateMachine {
 public:
  /// `env` outlives it. The limits are part of the state machine: the same at every replica.
  ShardState(Env* env, ShardOptions options, RequestMemoryLimits requests = {});

  Task<Result<void>> load(OverlayStore* store) override;
  Result<Bytes> apply(LogIndex index, ByteView command) override;

  const ShardOptions& options() const { return options_; }
  const std::shared_ptr<ShardContent>& content() const { return content_; }
  /// The point as it is stored; none when there is none. Errors: data_loss.
  Result<std::optional<stored::StoredPoint>> read(const PointId& id) const;
  uint64_t points() const { return slots_.size(); }
  /// Whether a command with this header would not be refused for want of memory, as far as this
  /// replica knows. Errors: data_loss.
  Result<bool> has_room_for(const stored::EntryHeader& header) const;
  /// Requests that a repetition would be recognised of.
  size_t requests_remembered() const { return requests_.size(); }
  /// Whoever links slots into the graph waits here; one of them is woken by each write.
  Condition& index_work() { return index_work_; }
  /// The highest timestamp of the entries that were applied since the process started.
  uint64_t last_timestamp() const { return last_timestamp_; }

 private:
  struct PlacementHasher {
    size_t operator()(const PointId& id) const { return placement_hash(id); }
  };

  bool remembers(const stored::EntryHeader& header) const;
  Result<std::optional<ShardAnswer>> repeated(const stored::EntryHeader& header) const;
  Result<void> remember(const stored::EntryHeader& header, const ShardAnswer& answer);
  Result<bool> upsert(LogIndex index, const PointId& id, stored::ShardOperation operation);
  Result<bool> remove(const PointId& id);
  void put_into_index(const PointId& id, uint64_t version, std::span<const float> vector);

  Env* env_;
  uint64_t last_timestamp_ = 0;
  const ShardOptions options_;
  OverlayStore* store_ = nullptr;
  std::shared_ptr<ShardContent> content_;
  std::unordered_map<PointId, index::Slot, PlacementHasher> slots_;  // Never iterated.
  RequestMemory requests_;
  bool forget_tombstones_;  // A planted bug.
  bool forget_requests_;    // Another one.
  Condition index_work_;
};

}  // namespace vectron
