#include "core/async/sync.h"

namespace vectron {

Waiter::~Waiter() {
  if (linked_) list_->unlink(*this);
}

void Waiter::suspend(std::coroutine_handle<> handle) {
  handle_ = handle;
  list_->link(*this);
}

WaitList::~WaitList() {
  // Waiters may outlive the list only when a whole node is torn down; they are never resumed then.
  while (first_ != nullptr) unlink(*first_);
}

bool WaitList::wake_one() {
  if (first_ == nullptr) return false;
  Waiter& waiter = *first_;
  unlink(waiter);
  scheduler_.post(waiter);
  return true;
}

void WaitList::wake_all() {
  while (wake_one()) {
  }
}

void WaitList::link(Waiter& waiter) {
  waiter.previous_ = last_;
  waiter.next_ = nullptr;
  (last_ != nullptr ? last_->next_ : first_) = &waiter;
  last_ = &waiter;
  waiter.linked_ = true;
}

void WaitList::unlink(Waiter& waiter) {
  (waiter.previous_ != nullptr ? waiter.previous_->next_ : first_) = waiter.next_;
  (waiter.next_ != nullptr ? waiter.next_->previous_ : last_) = waiter.previous_;
  waiter.linked_ = false;
}

Task<Semaphore::Permit> Semaphore::acquire() {
  while (free_ == 0) co_await freed_.wait();
  --free_;
  co_return Permit(this);
}

void Semaphore::release() {
  ++free_;
  freed_.notify_all();  // notify_one could wake a waiter that is destroyed before it runs.
}

}  // namespace vectron
