// Creation: makes a collection: chooses its workers and has the group put it on record.
//
// On the node's event loop. One creation at a time chooses.
#pragma once

#include "schemas/placement_messages.h"
#include "services/placement/leadership.h"
#include "services/placement/planner/placement_choice.h"

namespace vectron {

class Creation {
 public:
  /// Outlives it.
  explicit Creation(Leadership* leadership);

  /// Creates what `request` asks for, once enough is known of the workers. Errors: already_exists,
  /// invalid_argument, failed_precondition and resource_exhausted (of choose_workers), those of
  /// Leadership::propose.
  Task<Result<CollectionId>> create(wire::CreateCollectionRequest request, Instant deadline);

 private:
  /// When a request came, and until when it may wait for workers.
  struct Patience {
    Instant asked;
    Instant give_up;
    Instant deadline;
  };
  Task<Result<std::optional<CollectionId>>> try_once(wire::CreateCollectionRequest request,
                                                     Patience patience);
  Task<void> wait_for_another_choice(Patience patience, uint64_t arrivals);
  std::vector<Candidate> candidates() const;
  bool knows_who_is_live(Instant asked) const;
  bool may_be_incomplete() const;
  Instant incomplete_until() const;

  Leadership* leadership_;
  Semaphore turn_;
};

}  // namespace vectron
