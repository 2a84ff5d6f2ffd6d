// TieScheduler: a way into the world's event queue that draws its ties from one seeded stream.
#pragma once

#include "core/async/event_queue.h"
#include "core/base/random.h"

namespace vectron::sim {

/// One for each process, and one for the world's own tasks, so that one's events do not move
/// another's ties. Events of one instant run in the order of their ties: any order is possible, and
/// the seed says which.
class TieScheduler final : public Scheduler {
 public:
  /// `owner` names whose events these are (EventQueue::hold); 0: nobody's.
  TieScheduler(EventQueue* queue, RandomStream ties, uint32_t owner)
      : queue_(*queue), ties_(ties), owner_(owner) {}
  EventQueue& queue() override { return queue_; }
  void post(QueuedEvent& event) override { queue_.add(event, queue_.now(), ties_.next(), owner_); }
  void post_at(QueuedEvent& event, Instant when) override {
    queue_.add(event, when, ties_.next(), owner_);
  }
  void post_last(QueuedEvent& event, TurnEnd end) override {
    queue_.add(event, queue_.now(), tie_of(end), owner_);
  }

 private:
  EventQueue& queue_;
  RandomStream ties_;
  const uint32_t owner_;
};

}  // namespace vectron::sim
