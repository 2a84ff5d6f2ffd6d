// ReadRounds: reads that wait until a quorum has confirmed that this replica still leads.
//
// One round is on its way at a time. Reads that come meanwhile must not use its answer (the answer
// may be older than they are): they gather for the next one, so any number of reads costs one round
// after the other. Owned by a Replica, lives on its event loop; the round itself is Raft's
// (Ongaro 6.4).
#pragma once

#include <memory>
#include <optional>

#include "core/async/sync.h"
#include "core/base/ids.h"
#include "core/base/result.h"

namespace vectron {

class ReadRounds {
 public:
  /// Set once with the index at which its reads are linearizable, or with why there is none.
  using Round = Completion<Result<LogIndex>>;

  /// `incarnation` makes the rounds' ids differ between starts of the node.
  ReadRounds(Scheduler& scheduler, uint64_t incarnation)
      : scheduler_(scheduler), incarnation_(incarnation) {}

  /// Nobody waits.
  bool empty() const { return id_in_flight_ == 0 && gathering_ == nullptr; }
  /// The round that gathers reads now: whoever joins waits for it.
  std::shared_ptr<Round> join();
  /// Sends the gathered round off and returns the id to ask Raft with; none while another one is on
  /// its way, or when nobody has joined.
  std::optional<uint64_t> begin();
  /// A quorum has answered the round `id`; returns whether that one was on its way.
  bool answered(uint64_t id, LogIndex index);
  /// There will be no answer to the round `id`. Ignored when that one is not on its way.
  void dropped(uint64_t id, const Status& why);
  /// Ends the round that is on its way, then the one that gathers.
  void refuse_all(const Status& why);

 private:
  void end(Result<LogIndex> result);

  Scheduler& scheduler_;
  uint64_t incarnation_;
  uint64_t last_number_ = 0;
  uint64_t id_in_flight_ = 0;  // 0: none.
  std::shared_ptr<Round> in_flight_;
  std::shared_ptr<Round> gathering_;
};

}  // namespace vectron
