// PlainScheduler: an event queue in virtual time that a unit test turns by hand.
#pragma once

#include <cstdint>
#include <optional>

#include "core/async/event_queue.h"
#include "core/base/random.h"

namespace vectron {

/// First in, first out; or ties drawn from a seed, to shuffle what is due at the same time.
class PlainScheduler final : public Scheduler {
 public:
  EventQueue& queue() override { return queue_; }
  void post(QueuedEvent& event) override { queue_.add(event, queue_.now(), tie()); }
  void post_at(QueuedEvent& event, Instant when) override { queue_.add(event, when, tie()); }
  void shuffle(uint64_t seed) { ties_.emplace(seed); }
  void run_all() {
    while (queue_.next_time() != kNever) queue_.run_next();
  }

 private:
  uint64_t tie() { return ties_ ? ties_->next() : 0; }

  EventQueue queue_;
  std::optional<RandomStream> ties_;
};

}  // namespace vectron
