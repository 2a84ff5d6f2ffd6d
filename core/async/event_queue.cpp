#include "core/async/event_queue.h"

#include <algorithm>

#include "core/base/assert.h"

namespace vectron {

void QueuedEvent::cancel() {
  if (queue_ == nullptr) return;
  queue_->release(slot_);
  queue_ = nullptr;
}

EventQueue::~EventQueue() {
  for (const Slot& slot : slots_) {
    if (slot.event != nullptr) slot.event->queue_ = nullptr;
  }
}

void EventQueue::advance_to(Instant now) {
  now_ = std::max(now_, now);
}

void EventQueue::add(QueuedEvent& event, Instant when, uint64_t tie) {
  VECTRON_ASSERT(!event.queued(), "an event is queued once at a time");
  if (free_slots_.empty()) {
    free_slots_.push_back(static_cast<uint32_t>(slots_.size()));
    slots_.emplace_back();
  }
  const uint32_t slot = free_slots_.back();
  free_slots_.pop_back();
  slots_[slot].event = &event;
  event.queue_ = this;
  event.slot_ = slot;
  ++live_;
  const int64_t time = std::max(when, now_).time_since_epoch().count();
  heap_.push_back({time, tie, sequence_++, slot, slots_[slot].generation});
  std::push_heap(heap_.begin(), heap_.end(), std::greater<>());
}

Instant EventQueue::next_time() {
  drop_cancelled();
  return heap_.empty() ? kNever : Instant(Duration(heap_.front().time));
}

void EventQueue::run_next() {
  drop_cancelled();
  VECTRON_ASSERT(!heap_.empty());
  const Entry entry = heap_.front();
  std::pop_heap(heap_.begin(), heap_.end(), std::greater<>());
  heap_.pop_back();
  QueuedEvent* event = slots_[entry.slot].event;
  release(entry.slot);
  event->queue_ = nullptr;
  advance_to(Instant(Duration(entry.time)));
  running_sequence_ = entry.sequence ^ entry.tie;
  ++events_run_;
  event->fire();
}

void EventQueue::release(uint32_t slot) {
  VECTRON_ASSERT(slots_[slot].event != nullptr);
  slots_[slot].event = nullptr;
  ++slots_[slot].generation;
  free_slots_.push_back(slot);
  --live_;
}

void EventQueue::drop_cancelled() {
  while (!heap_.empty() && slots_[heap_.front().slot].generation != heap_.front().generation) {
    std::pop_heap(heap_.begin(), heap_.end(), std::greater<>());
    heap_.pop_back();
  }
  // Far timers that are always cancelled (deadlines) would otherwise pile up behind live ones.
  if (heap_.size() > 64 && heap_.size() > 4 * live_) {
    std::erase_if(heap_, [this](const Entry& entry) {
      return slots_[entry.slot].generation != entry.generation;
    });
    std::make_heap(heap_.begin(), heap_.end(), std::greater<>());
  }
}

}  // namespace vectron
