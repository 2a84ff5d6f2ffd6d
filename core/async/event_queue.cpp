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
  const bool is_timer = entry.time > now_.time_since_epoch().count();
  // Far timers that are always cancelled (deadlines) would otherwise pile up behind live ones.
  if (is_timer && timers_.size() > 64 && timers_.size() > 4 * live_) compact_timers();
  Heap& heap = is_timer ? timers_ : due_;
  heap.push_back(entry);
  std::push_heap(heap.begin(), heap.end(), std::greater<>());
}

void EventQueue::pop(Heap* heap) {
  std::pop_heap(heap->begin(), heap->end(), std::greater<>());
  heap->pop_back();
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

void EventQueue::run_next() {
  Heap* heap = next_heap();
  VECTRON_ASSERT(heap != nullptr);
  const Entry entry = heap->front();
  pop(heap);
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

void EventQueue::clear_top(Heap* heap) {
  while (!heap->empty()) {
    const Entry& top = heap->front();
    if (!is_cancelled(top)) {
      if (!is_held(slots_[top.slot].owner)) break;
      held_[slots_[top.slot].owner].push_back(top);
    }
    pop(heap);
  }
}

void EventQueue::compact_timers() {
  std::erase_if(timers_, [this](const Entry& entry) { return is_cancelled(entry); });
  std::make_heap(timers_.begin(), timers_.end(), std::greater<>());
}

}  // namespace vectron
