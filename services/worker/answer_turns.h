// AnswerTurns: of each peer, one large answer is read at a time.
//
// The parts of one search come from one gateway, and would refuse one another the room that they
// need together. A peer that takes no answers makes its own next ones wait, and nobody else's.
// On the worker's event loop.
#pragma once

#include <map>
#include <memory>
#include <utility>

#include "core/async/sync.h"
#include "core/base/ids.h"

namespace vectron {

class AnswerTurns {
 public:
  /// Its turn ends with it.
  class Turn {
   public:
    Turn(std::shared_ptr<Semaphore> of, Semaphore::Permit permit)
        : of_(std::move(of)), permit_(std::move(permit)) {}

   private:
    std::shared_ptr<Semaphore> of_;  // Before the permit, which is given back to it.
    Semaphore::Permit permit_;
  };

  /// `scheduler` outlives it.
  explicit AnswerTurns(Scheduler* scheduler) : scheduler_(*scheduler) {}

  /// Waits until no other large answer for `peer` is read (who says no number counts as one).
  Task<Turn> take(NodeId peer) {
    std::shared_ptr<Semaphore> of = turns_of(peer);
    Semaphore::Permit permit = co_await of->acquire();
    co_return Turn(std::move(of), std::move(permit));
  }
  /// Those of which an answer is read, or waits; for tests.
  size_t peers() const { return turns_.size(); }

 private:
  std::shared_ptr<Semaphore> turns_of(NodeId peer) {
    std::erase_if(turns_, [](const auto& known) { return known.second.expired(); });
    std::weak_ptr<Semaphore>& known = turns_[peer];
    std::shared_ptr<Semaphore> of = known.lock();
    if (of == nullptr) known = of = std::make_shared<Semaphore>(scheduler_, 1);
    return of;
  }

  Scheduler& scheduler_;
  std::map<NodeId, std::weak_ptr<Semaphore>> turns_;
};

}  // namespace vectron
