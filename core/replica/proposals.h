// Proposals: the commands that were proposed here and wait until their entries are applied.
//
// A proposal is known by the index and the term of its entry. The entry that is applied at that
// index decides: with the same term it is the proposal's, with another one it took its place. Owned
// by a Replica, lives on its event loop.
#pragma once

#include <map>
#include <memory>

#include "core/async/sync.h"
#include "core/base/bytes.h"
#include "core/base/ids.h"
#include "core/base/result.h"
#include "core/raft/types.h"

namespace vectron {

/// A proposal that was applied.
struct Applied {
  /// Of its log entry.
  LogIndex index;
  /// What StateMachine::apply returned.
  Bytes answer;
};

class Proposals {
 public:
  /// Set once with the outcome; whoever proposed waits for it.
  using Outcome = Completion<Result<Applied>>;

  explicit Proposals(Scheduler& scheduler) : scheduler_(scheduler) {}

  size_t size() const { return waiting_.size(); }
  /// The command has become the entry at `index` in a leader's log of this term.
  std::shared_ptr<Outcome> add(LogIndex index, Term term);
  /// `entry` was applied, with this answer: tells the proposal that waited for its index, if any.
  void applied(const raft::Entry& entry, Bytes answer);
  /// Nobody waits for `outcome` any more.
  void forget(LogIndex index, const std::shared_ptr<Outcome>& outcome);
  /// Ends all of them with `why`, in the order of their indexes.
  void refuse_all(const Status& why);

 private:
  struct Waiting {
    Term term;
    std::shared_ptr<Outcome> outcome;
  };

  Scheduler& scheduler_;
  std::map<LogIndex, Waiting> waiting_;
};

}  // namespace vectron
