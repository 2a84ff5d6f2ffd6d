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

void EventQueue::add(QueuedEvent& event, Instant when, uint64_t tie, uint32_t owner) {
  VECTRON_ASSERT(!event.queued(), "an event is queued once at a time");
  if (free_slots_.empty()) {
    free_slots_.push_back(static_cast<uint32_t>(slots_.size()));
    slots_.emplace_back();
  }
  const uint32_t slot = free_slots_.back();
  free_slots_.pop_back();
  slots_[slot].event = &event;
  slots_[slot].owner = owner;
  event.queue_ = this;
  event.slot_ = slot;
  ++live_;
  const int64_t time = std::max(when, now_).time_since_epoch().count();
  push({time, tie, sequence_++, slot, slots_[slot].generation});
}

void EventQueue::push(const Entry& entry) {
  heap_.push_back(entry);
  std::push_heap(heap_.begin(), heap_.end(), std::greater<>());
}

void EventQueue::pop() {
  std::pop_heap(heap_.begin(), heap_.end(), std::greater<>());
  heap_.pop_back();
}

void EventQueue::hold(uint32_t owner) {
  VECTRON_ASSERT(owner > 0 && !held_.contains(owner), "owner {} is held already", owner);
  held_[owner];
}

size_t EventQueue::let_go(uint32_t owner) {
  const auto found = held_.find(owner);
  VECTRON_ASSERT(found != held_.end(), "owner {} is not held", owner);
  const std::vector<Entry> waiting = std::move(found->second);
  held_.erase(found);
  size_t late = 0;
  for (const Entry& entry : waiting) {
    if (is_cancelled(entry)) continue;
    push(entry);  // With its old time: what was due first runs first.
    ++late;
  }
  return late;
}

Instant EventQueue::next_time() {
  clear_top();
  if (heap_.empty()) return kNever;
  return std::max(now_, Instant(Duration(heap_.front().time)));
}

void EventQueue::run_next() {
  clear_top();
  VECTRON_ASSERT(!heap_.empty());
  const Entry entry = heap_.front();
  pop();
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

void EventQueue::clear_top() {
  while (!heap_.empty()) {
    const Entry& top = heap_.front();
    if (!is_cancelled(top)) {
      if (!is_held(slots_[top.slot].owner)) break;
      held_[slots_[top.slot].owner].push_back(top);
    }
    pop();
  }
  // Far timers that are always cancelled (deadlines) would otherwise pile up behind live ones.
  if (heap_.size() > 64 && heap_.size() > 4 * live_) {
    std::erase_if(heap_, [this](const Entry& entry) { return is_cancelled(entry); });
    std::make_heap(heap_.begin(), heap_.end(), std::greater<>());
  }
}

}  // namespace vectron
