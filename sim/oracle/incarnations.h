// The collections that a run has had, one after another under each name, as the placement driver's
// committed entries say; and a client history told apart by them.
//
// A name may be removed and given to a new collection, which must see nothing of the old one. So
// each incarnation of a name is judged as a collection of its own: its points begin absent, its
// shards have models of their own. The dumb twin of services/placement's state machine.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "core/raft/types.h"
#include "sim/history/history.h"
#include "sim/oracle/violation.h"

namespace vectron::sim {

/// One collection from its creation on.
struct Incarnation {
  struct Replica {
    uint64_t replica_id = 0;
    uint64_t node_id = 0;
    uint64_t shard_id = 0;
  };
  /// Position of its name in the plan's workload.
  uint32_t collection = 0;
  uint64_t id = 0;
  std::vector<uint64_t> shards;
  std::vector<Replica> replicas;
  bool removed = false;
  /// Removed, and placement knows that no worker holds anything of it.
  bool forgotten = false;
};

/// All incarnations in the order of their ids. `entries`: the payloads of the placement group's
/// entries 1, 2, ...; null for those without a command. `names`: those of the plan's workload;
/// other collections are left out. Errors: those of decoding a command, with the index.
Result<std::vector<Incarnation>> incarnations_of(std::span<const raft::Payload> entries,
                                                 std::span<const std::string> names);

/// What a client asked of the life of a collection, and was told.
struct LifeEvent {
  enum class Kind : uint8_t { create, remove };
  Kind kind = Kind::create;
  /// Position in the plan's workload.
  uint32_t collection = 0;
  uint64_t invoke_order = 0;
  /// 0 while pending. Both as of Operation.
  uint64_t return_order = 0;
  Outcome outcome = Outcome::pending;
  Status status;
  /// The collection that was made or removed, when that was answered.
  uint64_t id = 0;
  /// remove: nothing can be acknowledged by it any more.
  bool complete = false;
};

/// `history` with each operation's collection being the position of its incarnation in
/// `incarnations`. An operation is its shard's, where its answer names one. A write without an
/// answer may have gone to any incarnation of its name that may have lived while it ran, and is
/// told for each of them. A read that found nothing names no shard: it is told where only one
/// incarnation can have answered, and left out otherwise.
History by_incarnation(const History& history, const std::vector<Incarnation>& incarnations,
                       const std::vector<LifeEvent>& events);

/// Judges the lives of collections: an answered creation made the collection that it says;
/// an answered removal is committed; after a complete one, nothing that began later was
/// acknowledged or read linearizably by the removed collection; a collection that certainly existed
/// all the time was never said not to. `history`: as recorded, not told apart.
void check_lives(const History& history, const std::vector<Incarnation>& incarnations,
                 const std::vector<LifeEvent>& events, ViolationLog* log);

}  // namespace vectron::sim
