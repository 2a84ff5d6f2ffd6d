#include "net/listener_set.h"

#include "core/base/assert.h"

namespace vectron {

ListenerSet::ListenerSet(Scheduler& scheduler, std::vector<std::unique_ptr<Listener>> listeners)
    : listeners_(std::move(listeners)), changed_(scheduler), tasks_(scheduler) {
  VECTRON_ASSERT(!listeners_.empty());
  for (const auto& listener : listeners_) tasks_.spawn(accept_from(listener.get()));
}

Task<Result<std::unique_ptr<Connection>>> ListenerSet::accept() {
  while (accepted_.empty()) co_await changed_.wait();
  Result<std::unique_ptr<Connection>> first = std::move(accepted_.front());
  accepted_.pop_front();
  changed_.notify_all();
  co_return first;
}

std::vector<Address> ListenerSet::addresses() const {
  std::vector<Address> out;
  for (const auto& listener : listeners_) {
    for (Address& address : listener->addresses()) out.push_back(std::move(address));
  }
  return out;
}

// A listener that fails is tried again whenever its failure was taken.
Task<void> ListenerSet::accept_from(Listener* listener) {
  for (;;) {
    Result<std::unique_ptr<Connection>> accepted = co_await listener->accept();
    while (accepted_.size() >= listeners_.size()) co_await changed_.wait();
    accepted_.push_back(std::move(accepted));
    changed_.notify_all();
  }
}

}  // namespace vectron
