// HitDetails: payloads and vectors for what a search found, read from the store in pieces.
//
// A large answer is thousands of reads: at once they would hold the worker's event loop. Between
// two pieces points may be written again, and what is stored is then not what was found: the search
// is repeated, and what was read already stays good for hits of the same version. On the worker's
// event loop, for one search.
#pragma once

#include <span>
#include <unordered_map>
#include <vector>

#include "core/base/result.h"
#include "core/env/cpu.h"
#include "core/model/point_id.h"
#include "schemas/worker_messages.h"
#include "services/worker/shard_content.h"
#include "services/worker/shard_state.h"

namespace vectron {

inline Status too_large_answer() {
  return Status(Code::out_of_range,
                "the answer is too large: ask for fewer points, or for less of them");
}

class HitDetails {
 public:
  struct Wanted {
    bool payload = false;
    bool vector = false;
    /// Of all hits together.
    size_t bytes_max = 0;
    /// The planted bug forget_tombstone: what has changed is answered without details.
    bool planted_any_version = false;
  };
  enum class Step : uint8_t { more, complete, changed };

  /// Both outlive it.
  HitDetails(Cpu* cpu, const ShardState* state, Wanted wanted)
      : cpu_(*cpu), state_(*state), wanted_(wanted) {}

  /// Begins with the hits of a search. They stay where they are until the last step.
  void begin(std::vector<wire::ShardHit>* hits);
  /// Adds to some hits, for about kPieceNanoseconds or until `piece_bytes` were read. `changed`,
  /// after all others were read: some points were written again or removed since the search; search
  /// once more and begin with what it finds, of which little is left to read. Errors: data_loss;
  /// out_of_range (more than Wanted::bytes_max).
  Result<Step> add_some(size_t piece_bytes = SIZE_MAX);
  /// Begins with the same hits again, and has read nothing.
  void forget();
  /// The hits, and what was read and may still become part of the answer.
  size_t held_bytes() const {
    const size_t hits = hits_ == nullptr ? 0 : hits_->size();
    return bytes_ + known_bytes_ + (hits + known_.size()) * sizeof(wire::ShardHit);
  }

  static constexpr uint64_t kPieceNanoseconds = 1'000'000;

 private:
  /// What is told of a hit was known before, or has been read; or the point is not what was found.
  enum class Found : uint8_t { known, read, changed };
  Result<Found> add(wire::ShardHit* hit);
  /// Keeps what was read of this search's hits, and nothing else.
  void keep();
  static size_t bytes_of(const wire::ShardHit& hit) {
    return hit.vector.size() * sizeof(float) + hit.payload.size();
  }

  Cpu& cpu_;
  const ShardState& state_;
  const Wanted wanted_;
  std::vector<wire::ShardHit>* hits_ = nullptr;
  size_t next_ = 0;
  /// Positions of hits that are not what is stored.
  std::vector<size_t> changed_;
  size_t bytes_ = 0;
  /// Of the search before, by id; looked up, never iterated.
  std::unordered_map<PointId, wire::ShardHit, ShardContent::PlacementHasher> known_;
  size_t known_bytes_ = 0;
};

}  // namespace vectron
